"""The line about the bucket of results: which one is shown, how much it holds, and its limits."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip


class BucketBar(QWidget):
    """The choice of the bucket, and text about it.

    Attributes:
        bucket_box: the buckets, hidden while none is known.
        error: why the buckets are unknown, and what to do; empty if they are known.

    Signals:
        bucket_chosen: name of the bucket that the operator chose.
    """

    bucket_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.error = ""
        self._problem = ""
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(10)
        self.bucket_box = QComboBox()
        self.bucket_box.setAccessibleName(_("Bucket"))
        self.bucket_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.bucket_box.activated.connect(
            lambda index: self.bucket_chosen.emit(self.bucket_box.itemData(index))
        )
        self.bucket_box.hide()
        self._label = Label()
        self._label.setProperty("role", "muted")
        set_tooltip(
            self._label,
            _("Objects are results, and the progress that tasks store; the table shows results."),
        )
        line.addWidget(self.bucket_box)
        line.addWidget(self._label)
        line.addStretch(1)

    @property
    def text(self) -> str:
        """The text about the bucket."""
        return self._label.text()

    def show_seen(self, objects: int, size: int) -> None:
        """Show what was seen of a bucket, in objects and bytes, until the server is polled."""
        if not self.bucket_box.count():
            self._label.setText(_content_text(objects, size) if objects else self._problem)

    def show_buckets(self, buckets: Sequence[BucketStatus]) -> None:
        """Show the buckets of the server."""
        names = [bucket.name for bucket in buckets]
        if names != [self.bucket_box.itemData(i) for i in range(self.bucket_box.count())]:
            self.bucket_box.clear()
            for name in names:
                self.bucket_box.addItem(printable_cell(name), name)
        self.bucket_box.setVisible(bool(names))
        self.bucket_box.setEnabled(len(names) > 1)
        self.error = ""
        self._problem = "" if names else _("No bucket yet: the first result creates it")
        if not names:
            self._label.setText(self._problem)
        self.bucket_box.setCurrentIndex(-1)  # not one whose results are not shown
        for index, bucket in enumerate(buckets):
            if bucket.watched:
                self.bucket_box.setCurrentIndex(index)
                self._label.setText(bucket_text(bucket))

    def show_error(self, error: UserFacingError) -> None:
        """Show why the buckets are unknown, unless something is shown already."""
        self.error = self._problem = error.title
        if error.detail:
            self.error = f"{formats.sentence(error.detail)} {error.advice}".strip()
            self._problem = _("{title}: {detail}").format(title=error.title, detail=error.detail)
        if not (self.bucket_box.count() or self._label.text()):
            self._label.setText(self._problem)


def bucket_text(bucket: BucketStatus) -> str:
    """Return a text about a bucket such as `12,408 objects · 88 MB · kept 7 d · at most 1.0 GB`."""
    if not bucket.exists:
        return _("not on this server yet: the first result creates it")
    age, limit = formats.age(bucket.ttl_s or None), formats.size(bucket.max_bytes or None)
    parts = (
        _content_text(bucket.objects, bucket.bytes, exact=bucket.exact),
        _("kept {duration}").format(duration=age) if age else _("no expiry"),
        _("at most {size}").format(size=limit) if limit else "",
    )
    return " · ".join(filter(None, parts))


def _content_text(objects: int | None, size: int | None, *, exact: bool = True) -> str:
    count = ""
    if objects is not None:
        if exact:
            count = ngettext("{count} object", "{count} objects", objects)
        else:
            count = ngettext("up to {count} object", "up to {count} objects", objects)
        count = count.format(count=formats.count(objects))
    return " · ".join(filter(None, (count, formats.size(size))))
