; Inno Setup 6: installer for Windows, for one user, without administrator rights.
;   iscc /DVersion=0.1.0 packaging\windows\pulse-desktop.iss
; It packs build\package\bundle, which `python packaging\build.py wheel freeze` creates.

#ifndef Version
  #error Set the version: iscc /DVersion=0.1.0
#endif
#define Bundle "..\..\build\package\bundle\pulse-desktop"

[Setup]
; Never change it: an upgrade finds the installed version by it.
AppId={{8B6C6C0B-9E1D-4B58-9C63-2F0D4C8F9A31}
AppName=Pulse Desktop
AppVersion={#Version}
AppVerName=Pulse Desktop {#Version}
AppPublisher=Pulse Desktop contributors
VersionInfoVersion={#Version}
DefaultDirName={localappdata}\Programs\Pulse Desktop
DefaultGroupName=Pulse Desktop
DisableProgramGroupPage=yes
DisableDirPage=auto
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile={#Bundle}\LICENSE
SetupIconFile=..\..\build\package\icons\pulse-desktop.ico
UninstallDisplayIcon={app}\pulse-desktop-window.exe
UninstallDisplayName=Pulse Desktop
OutputDir=..\..\dist
OutputBaseFilename=pulse-desktop-{#Version}-windows-x86_64-setup
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern
ChangesEnvironment=yes
; A running window is closed, so that its files can be replaced.
CloseApplications=yes
RestartApplications=no

[Tasks]
Name: "path"; Description: "Add pulse-desktop and pulse-worker to PATH"
Name: "desktopicon"; Description: "Create a desktop icon"; Flags: unchecked

[InstallDelete]
; Files of the installed version that this one lacks would still be loaded.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Bundle}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Icons]
Name: "{userprograms}\Pulse Desktop"; Filename: "{app}\pulse-desktop-window.exe"; AppUserModelID: "PulseDesktop.PulseDesktop"; Comment: "Monitor TaskIQ workers on NATS"
Name: "{userdesktop}\Pulse Desktop"; Filename: "{app}\pulse-desktop-window.exe"; AppUserModelID: "PulseDesktop.PulseDesktop"; Tasks: desktopicon

[Run]
Filename: "{app}\pulse-desktop-window.exe"; Description: "Start Pulse Desktop"; Flags: postinstall nowait skipifsilent

[Code]
const
  Environment = 'Environment';

function PathWithout(Path, Folder: String): String;
var
  Rest, Entry: String;
  Split: Integer;
begin
  Result := '';
  Rest := Path;
  while Rest <> '' do begin
    Split := Pos(';', Rest);
    if Split = 0 then begin
      Entry := Rest;
      Rest := '';
    end else begin
      Entry := Copy(Rest, 1, Split - 1);
      Delete(Rest, 1, Split);
    end;
    if (Entry <> '') and (CompareText(Entry, Folder) <> 0) then begin
      if Result <> '' then Result := Result + ';';
      Result := Result + Entry;
    end;
  end;
end;

procedure SetPath(Add: Boolean);
var
  Path, Folder: String;
begin
  Folder := ExpandConstant('{app}');
  if not RegQueryStringValue(HKEY_CURRENT_USER, Environment, 'Path', Path) then Path := '';
  Path := PathWithout(Path, Folder);
  if Add then begin
    if Path <> '' then Path := Path + ';';
    Path := Path + Folder;
  end;
  RegWriteExpandStringValue(HKEY_CURRENT_USER, Environment, 'Path', Path);
end;

procedure CurStepChanged(Step: TSetupStep);
begin
  if (Step = ssPostInstall) and WizardIsTaskSelected('path') then SetPath(True);
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
begin
  if Step = usPostUninstall then SetPath(False);
end;
