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
_RUSSIAN_WORDS: Final = """
    что это как не на он она они мы вы его если уже только или когда где есть был была было были
    можно нужно надо очень потому чтобы сейчас сегодня завтра спасибо привет пожалуйста почему
    тоже ещё еще все всё кто нет да из при для над от до по за со об про так там тут вот бы же ли
    у нас вас меня тебя мне тебе себя этот эта эти этого этой тот та те того который которая
    которые которое после перед без чем тем ну да и с в к о я ты мой наш ваш будет будут может
"""
_POLISH_WORDS: Final = """
    nie jest się na tak że przez jak mamy będzie ale czy je to w z do po od za już tylko jeszcze co
    kto gdzie kiedy bo żeby dla nas was mnie jestem są był była było były oraz lub albo ten ta te
    tego tej też może można trzeba jutro dziś dzisiaj i o u ma mam bardzo ktoś coś dzień dobry
    proszę dzięki cześć jeśli dopóki
"""
_GERMAN_WORDS: Final = """
    der die das und ist nicht ich wir sie mit auf für ein eine einen einem einer auch noch wird
    haben sind bitte kann dass heute morgen oder aber wenn nach beim zum zur vom von bei aus den dem
    des im es er ihr mir uns euch mich dich schon nur sehr hat war wie wer wo warum weil bis durch
    gerade wieder alle jetzt keine kein guten danke seit
"""
_MORE_GERMAN_WORDS: Final = """
    als also am an bin bist da dann darf dein deine diese diesem diesen dieser dieses doch dort
    eines etwas fast für gegen habe hast hatte hatten hier ihm ihn ihr ihre immer in ja kannst
    konnte können könnte lassen machen mal man mehr mein meine meinen mit muss musste müssen
    nichts noch nun ob ohne sein seine seinen sich so soll sollen sollte sollten sondern sonst
    um und unser unsere unseren unter viel vielleicht war waren was wenig werde werden will wir
    wirklich wollen worden wurde wurden wären würde zu zwischen über
"""
_OTHER_LANGUAGES: Final = """
    el los las una uno pero por para con está esta esto como más muy también hay gracias hola porque
    qué del se ya su lo que en de la no funciona le les des est une dans pour avec nous vous pas sur
    ce cette sont mais bonjour merci il elle du au aux je tu ne plus être fait depuis na se jsem
    není jsou bude prosím děkuji ahoj protože jak že il lo gli di che non per una sono ma anche
    della nel
    ciao grazie è não uma são mas obrigado está você isso het een niet van zijn maar ook wel deze
    naar bij voor och att det är inte på som för jag har och ve bir bu için değil ile çok var
    във със ще съм това няма много защо са ни ви беше гэта няма ёсць што калі јер није шта који али
    nu este sunt pentru care din mai cu
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
FUNCTION_WORDS: Final = {
    "en": ENGLISH,
    "uk": UKRAINIAN,
    "ru": frozenset(_RUSSIAN_WORDS.split()),
    "pl": frozenset(_POLISH_WORDS.split()),
    "de": frozenset(_GERMAN_WORDS.split()),
}
"""Frequent words, which identify a language."""
OTHER_LANGUAGES: Final = frozenset(_OTHER_LANGUAGES.split())
"""Frequent words of languages that the provider does not know."""
_ENGLISH_CONTENT: Final = frozenset({"die", "war", "man", "hat", "den", "morgen", "bitte"})
STOP_WORDS: Final = frozenset().union(*FUNCTION_WORDS.values()) - _ENGLISH_CONTENT
STOP_WORDS_OF: Final = {
    language: STOP_WORDS | words
    for language, words in {
        **FUNCTION_WORDS,
        "de": FUNCTION_WORDS["de"] | frozenset(_MORE_GERMAN_WORDS.split()),
    }.items()
}
"""Stop words of texts whose language is known: a stop word of one may be a noun of another."""
CALENDAR: Final = frozenset(_CALENDAR_WORDS.split())
"""Words for times, and indefinite pronouns: they never name a topic."""
WEAK_WORDS: Final = frozenset(_WEAK_WORDS.split())
"""Generic words: they name a topic only together with a more specific word."""
