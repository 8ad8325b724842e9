"""Word lists: stop words, and frequent words that identify a language."""

from typing import Final

_ENGLISH_WORDS: Final = """
    a about above after again all also am an and any are aren't as at be because been before being
    below between both but by can can't cannot could couldn't did didn't do does doesn't doing
    don't down during each even ever few for from further get got had has hasn't have haven't
    having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its itself
    just let let's like ll me more most much my myself no nor not now of off oh ok okay on once
    one only or other our ours out over own please pls re really same see she should so some still
    such than thanks that that's the their them then there there's these they they're this those
    though through to today tomorrow too two under until up us use ve very was wasn't we we'd
    we'll we're we've well were what when where which while who why will with won't would yeah yes
    yet yesterday you you're your yours morning hi hello hey sure maybe think know thing things
    something anything want need needs make made going go goes done same way lot been since every
    first last next new also quite already
"""
_UKRAINIAN_WORDS: Final = """
    а або аби але алло б без би був була були було бути в вам вас ваш ви вже від він вона вони
    воно все всі всім всіх втім всього г гм да давай де для до добре дуже є ж же з за завтра зараз
    зі і із інше й його йому її їй їм їх їхній каже ка коли який яка яке які якщо як кожен крім
    лише ма має мене мені ми мій може можна можу моя на нам нас наш навіть не нема немає ні ніби
    ніж ну о об од один одна одне ок окей от ось отак отже по поки потім при про просто раз разом
    с сам саме свій своя собі собою сьогодні та так така таке такий такі там твій те теж тепер ти
    то тобі тоді того той тому тобто треба тут тільки у уже учора хоч хоча хто це цей цього цьому
    ця ці ці чи через чого чому що щоб щодо ще щось як яка якась якийсь якось доброго ранку дня
    вечора привіт дякую дяка будь ласка ага угу ладно думаю знаю бо їхати після перед під над між
    тим цим ким чим нього неї них ним нею нам вами нами якого якої яких
"""
_OTHER_LATIN_WORDS: Final = """
    der die das und ist nicht ich wir sie mit auf für ein eine einen auch noch wird haben sind
    bitte kann dass heute morgen oder aber wenn nach beim zum zur vom el los las una uno pero por
    para con está esta esto como más muy también hay gracias hola porque qué le les des est une
    dans pour avec nous vous pas sur ce cette sont mais bonjour merci il elle nie jest się na tak
    że przez jak dzień dobry proszę mamy będzie ale czy je na že se jsem není jsou bude prosím
    děkuji ahoj protože co jak
"""
_RUSSIAN_WORDS: Final = """
    что это как не на он она они мы вы его если уже только или когда где есть был была было были
    можно нужно надо очень потому чтобы сейчас сегодня завтра спасибо привет пожалуйста почему
    тоже ещё еще все всё кто нет да
"""
_CALENDAR_WORDS: Final = """
    monday tuesday wednesday thursday friday saturday sunday night week weeks day days month months
    year years hour hours minute minutes january february march april june july august september
    october november december понеділок понеділка вівторок вівторка середа середу середи четвер
    четверга п'ятниця п'ятницю п'ятниці пʼятниця пʼятницю пʼятниці субота суботу суботи неділя
    неділю неділі тиждень тижня тижні день дні днів ніч ночі місяць місяця рік року років годин
    години година хвилин хвилини січня лютого березня квітня травня червня липня серпня вересня
    жовтня листопада грудня nothing running everything somebody anybody people already instead
"""
_WEAK_WORDS: Final = """
    remove add change check use run fix update merge write read send open close move start stop try
    look wait keep set put take give show tell ask find call turn works work looks live thread
    rows row lines line number numbers part parts half side place people person
    рядки рядок рядків рядка число числа частина частину раз рази людей люди місце справа штука
"""

ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
"""English stop words."""
UKRAINIAN: Final = frozenset(_UKRAINIAN_WORDS.split())
"""Ukrainian stop words."""
STOP_WORDS: Final = ENGLISH | UKRAINIAN
CALENDAR: Final = frozenset(_CALENDAR_WORDS.split())
"""Words for times, and indefinite pronouns: they never name a topic."""
WEAK_WORDS: Final = frozenset(_WEAK_WORDS.split())
"""Generic words: they name a topic only together with a more specific word."""
OTHER_LATIN: Final = frozenset(_OTHER_LATIN_WORDS.split()) - ENGLISH
"""Frequent words of German, Spanish, French, Polish and Czech."""
RUSSIAN: Final = frozenset(_RUSSIAN_WORDS.split())
"""Frequent Russian words, some of which are also Ukrainian."""
