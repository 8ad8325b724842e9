"""The pages in the order of the navigation."""

from typing import Final

from pulse_desktop.ui.page import Page
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.monitoring import MonitoringPage
from pulse_desktop.ui.pages.overview import OverviewPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.results import ResultsPage
from pulse_desktop.ui.pages.tasks import TasksPage

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
