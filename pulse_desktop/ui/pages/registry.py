"""The pages of the window, in the order of the sidebar."""

from typing import Final

from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage

PAGES: Final[tuple[type[Page], ...]] = (
    OverviewPage,
    TasksPage,
    MessagesPage,
    KnowledgePage,
    AgentsPage,
    ProvidersPage,
    MonitoringPage,
    MetricsPage,
    ResultsPage,
    EventsPage,
)
