"""Shell completion, made from the parsers: bash and fish directly, zsh through bash's."""

import shlex

from release.command_tree import Command, Option


def bash_completion(command: Command) -> str:
    """Return a completion script for bash."""
    function = "_" + command.name.replace("-", "_")
    cases = []
    for each in command.walk():
        below = each.path.partition(" ")[2]
        words = [below.name for below in each.commands]
        words += [choice for argument in each.arguments for choice in argument.choices]
        words += [flag for option in each.options for flag in option.flags]
        cases.append(f"        {shlex.quote(below)}) words={shlex.quote(' '.join(words))} ;;")
    with_value = sorted({f for o in _options(command) if o.value for f in o.flags})
    names = sorted({each.name for each in command.walk() if each is not command})
    values = [
        f"        {flag}) choices={shlex.quote(' '.join(option.choices))} ;;"
        for option in _distinct_choices(command)
        for flag in option.flags
    ]
    return f"""\
# bash completion for {command.name}; made from its own --help
{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    local path="" words="" choices="" index word skip=""
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        if [[ $skip ]]; then skip=""; continue; fi
        case $word in
        {"|".join(with_value)}) skip=1 ;;
        {"|".join(names)}) path="${{path:+$path }}$word" ;;
        esac
    done
    case $before in
{chr(10).join(values)}
        {"|".join(with_value)}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    if [[ $choices ]]; then COMPREPLY=($(compgen -W "$choices" -- "$current")); return; fi
    case $path in
{chr(10).join(cases)}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F {function} {command.name}
"""


def zsh_completion(command: Command) -> str:
    """Return a completion script for zsh, which can use bash's."""
    bash = bash_completion(command)
    return f"#compdef {command.name}\nautoload -U +X bashcompinit && bashcompinit\n{bash}"


def fish_completion(command: Command) -> str:
    """Return a completion script for fish."""
    lines = [f"# fish completion for {command.name}; made from its own --help"]
    for each in command.walk():
        words = each.path.split(" ")[1:]
        condition = _fish_condition(words, [below.name for below in each.commands])
        start = f"complete -c {command.name} -n {shlex.quote(condition)}"
        lines += [
            f"{start} -f -a {below.name} -d {shlex.quote(below.help)}" for below in each.commands
        ]
        for option in each.options:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                for flag in option.flags
            )
            value = f" -x -a {shlex.quote(' '.join(option.choices))}" if option.choices else ""
            if option.value and not option.choices:
                value = " -r"
            lines.append(f"{start} {flags}{value} -d {shlex.quote(option.help)}")
    return "\n".join(lines) + "\n"


def _fish_condition(words: list[str], below: list[str]) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in words]
    if below:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
    return "; and ".join(seen) or "true"


def _options(command: Command) -> list[Option]:
    return [option for each in command.walk() for option in each.options]


def _distinct_choices(command: Command) -> list[Option]:
    """Return options with choices; one that differs between commands offers all of them."""
    merged: dict[tuple[str, ...], Option] = {}
    for option in _options(command):
        if option.choices:
            known = merged.get(option.flags)
            choices = dict.fromkeys([*(known.choices if known else ()), *option.choices])
            merged[option.flags] = Option(option.flags, option.value, option.help, tuple(choices))
    return list(merged.values())
