"""Encodings older than Unicode: each is distinguished from its neighbours by the language that its text is in."""

from itertools import pairwise
from pathlib import Path

import pytest

from tasks.ingest.read.encodings import Undecodable, decode
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.languages import GERMAN, JAPANESE, PAGE

ENCODINGS = {
    "Czech": "cp1250 iso8859_2 cp852",
    "Slovak": "cp1250 iso8859_2 cp852",
    "Slovene": "cp1250 iso8859_2 cp852",
    "Polish": "cp1250 iso8859_2 cp852",
    "Croatian": "cp1250 iso8859_2",
    "Hungarian": "cp1250 cp852",
    "French": "cp1252 iso8859_15 cp850 mac_roman",
    "Spanish": "cp1252 cp850",
    "Turkish": "cp1254",
    "Lithuanian": "cp1257",
    "Russian": "cp1251 koi8_r cp866 iso8859_5",
    "Ukrainian": "cp1251 koi8_u",
    "Greek": "cp1253",
}
PROSE = {  # written for these tests
    "Czech": [
        "Když se ráno rozednilo, ležela nad řekou ještě hustá mlha a na mostě nebyl nikdo vidět.",
        "Stará mlynářka otevřela okno a zavolala na psa, který spal pod jabloní na zahradě.",
        "Byl to jeden z těch dnů, kdy člověk raději zůstane doma a poslouchá, jak prší.",
        "Přesto se chlapec vydal na cestu, protože to své mladší sestře slíbil už minulý týden.",
        "Ve vsi se říkalo, že za lesem leží jezero, které už dávno nikdo nenašel.",
    ],
    "Slovak": [
        "Keď sa ráno rozvidnelo, ležala nad riekou ešte hustá hmla a na moste nebolo nikoho vidieť.",
        "Stará mlynárka otvorila okno a zavolala na psa, ktorý spal pod jabloňou v záhrade.",
        "Bol to jeden z tých dní, keď človek radšej zostane doma a počúva, ako prší.",
        "Napriek tomu sa chlapec vydal na cestu, lebo to svojej mladšej sestre sľúbil už minulý týždeň.",
        "Ľudia v dedine hovorili, že za lesom leží jazero, ktoré už dávno nikto nenašiel.",
    ],
    "Slovene": [
        "Ko se je zjutraj zdanilo, je nad reko še ležala gosta megla in na mostu ni bilo nikogar.",
        "Stara mlinarica je odprla okno in poklicala psa, ki je spal pod jablano na vrtu.",
        "Bil je eden tistih dni, ko človek raje ostane doma in posluša, kako dežuje.",
        "Kljub temu se je fant odpravil na pot, ker je to obljubil svoji mlajši sestri že prejšnji teden.",
        "V vasi so pripovedovali, da za gozdom leži jezero, ki ga že dolgo nihče več ne najde.",
    ],
    "Polish": [
        "Kiedy rano zrobiło się jasno, nad rzeką leżała jeszcze gęsta mgła i na moście nie było nikogo widać.",
        "Stara młynarka otworzyła okno i zawołała psa, który spał pod jabłonią w ogrodzie.",
        "Był to jeden z tych dni, kiedy człowiek woli zostać w domu i słuchać, jak pada deszcz.",
        "Mimo to chłopiec wyruszył w drogę, ponieważ obiecał to swojej młodszej siostrze już w zeszłym tygodniu.",
        "We wsi opowiadano, że za lasem leży jezioro, którego od dawna nikt już nie znalazł.",
    ],
    "Croatian": [
        "Kad je ujutro svanulo, nad rijekom je još ležala gusta magla i na mostu nije bilo nikoga.",
        "Stara mlinarica otvorila je prozor i pozvala psa koji je spavao pod jabukom u vrtu.",
        "Bio je to jedan od onih dana kad čovjek radije ostane kod kuće i sluša kako pada kiša.",
        "Ipak je dječak krenuo na put, jer je to svojoj mlađoj sestri obećao već prošlog tjedna.",
        "U selu se pričalo da iza šume leži jezero koje već dugo nitko nije našao.",
    ],
    "Hungarian": [
        "Amikor reggel kivilágosodott, a folyó fölött még sűrű köd feküdt, és a hídon senkit sem lehetett látni.",
        "Az öreg molnárné kinyitotta az ablakot, és hívta a kutyát, amely az almafa alatt aludt a kertben.",
        "Olyan nap volt ez, amikor az ember szívesebben marad otthon, és hallgatja, ahogy esik az eső.",
        "A fiú mégis útnak indult, mert ezt már a múlt héten megígérte a kishúgának.",
        "A faluban azt mesélték, hogy az erdő mögött van egy tó, amelyet régóta senki sem talált meg.",
    ],
    "French": [
        "Quand le jour se leva, un épais brouillard couvrait encore la rivière et l'on ne voyait personne sur le pont.",
        "La vieille meunière ouvrit la fenêtre et appela le chien qui dormait sous le pommier du jardin.",
        "C'était un de ces jours où l'on préfère rester chez soi à écouter tomber la pluie.",
        "Le garçon se mit pourtant en route, car il l'avait promis à sa soeur cadette la semaine passée.",
        "Au village, on racontait qu'il y avait derrière la forêt un lac que personne n'avait jamais retrouvé.",
    ],
    "Spanish": [
        "Cuando amaneció, sobre el río había todavía una niebla espesa y en el puente no se veía a nadie.",
        "La vieja molinera abrió la ventana y llamó al perro que dormía bajo el manzano del jardín.",
        "Era uno de esos días en que la gente prefiere quedarse en casa y escuchar cómo llueve.",
        "Aun así, el niño se puso en camino, porque se lo había prometido a su hermana pequeña.",
        "En el pueblo se decía que detrás del bosque había un lago que nadie encontró jamás, ¿quién sabe?",
    ],
    "Turkish": [
        "Sabah olunca nehrin üstünde hâlâ yoğun bir sis vardı ve köprüde kimse görünmüyordu.",
        "Yaşlı değirmenci kadın pencereyi açtı ve bahçede elma ağacının altında uyuyan köpeği çağırdı.",
        "İnsanın evde kalıp yağmurun sesini dinlemek istediği günlerden biriydi.",
        "Yine de çocuk yola çıktı, çünkü bunu geçen hafta küçük kız kardeşine söylemişti.",
        "Köyde, ormanın arkasında artık kimsenin bulamadığı bir göl olduğu anlatılırdı.",
    ],
    "Lithuanian": [
        "Kai rytą išaušo, virš upės dar tvyrojo tirštas rūkas ir ant tilto nieko nebuvo matyti.",
        "Sena malūnininkė atidarė langą ir pašaukė šunį, kuris miegojo sode po obelimi.",
        "Tai buvo viena iš tų dienų, kai žmogus mieliau lieka namuose ir klausosi, kaip lyja lietus.",
        "Vis dėlto berniukas iškeliavo, nes tai jau praėjusią savaitę pažadėjo savo jaunesnei seseriai.",
        "Kaime pasakojo, kad už miško yra ežeras, kurio seniai niekas neberanda.",
    ],
    "Russian": [
        "Когда утром рассвело, над рекой ещё лежал густой туман, и на мосту никого не было видно.",
        "Старая мельничиха открыла окно и позвала собаку, которая спала под яблоней в саду.",
        "Это был один из тех дней, когда человеку лучше остаться дома и слушать, как идёт дождь.",
        "И всё же мальчик отправился в путь, потому что обещал это своей младшей сестре ещё на прошлой неделе.",
        "В деревне рассказывали, что за лесом есть озеро, которое давно уже никто не находил.",
    ],
    "Ukrainian": [
        "Коли вранці розвиднілося, над річкою ще лежав густий туман, і на мосту нікого не було видно.",
        "Стара мельничиха відчинила вікно й покликала собаку, що спав під яблунею в саду.",
        "Це був один із тих днів, коли людині краще залишитися вдома й слухати, як падає дощ.",
        "І все ж хлопець вирушив у дорогу, бо обіцяв це своїй молодшій сестрі ще минулого тижня.",
        "У селі розповідали, що за лісом є озеро, якого вже давно ніхто не знаходив.",
    ],
    "Greek": [
        "Όταν ξημέρωσε, πάνω από το ποτάμι υπήρχε ακόμη πυκνή ομίχλη και στη γέφυρα δεν φαινόταν κανείς.",
        "Η γριά μυλωνού άνοιξε το παράθυρο και φώναξε τον σκύλο που κοιμόταν κάτω από τη μηλιά.",
        "Ήταν μια από εκείνες τις μέρες που ο άνθρωπος προτιμά να μένει στο σπίτι και να ακούει τη βροχή.",
        "Παρ' όλα αυτά το αγόρι πήρε τον δρόμο, γιατί το είχε υποσχεθεί στη μικρή του αδελφή.",
    ],
}
CASES = [(language, encoding) for language, names in ENCODINGS.items() for encoding in names.split()]


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_text_in_the_encoding_of_its_region_is_read_as_it_was_written(language: str, encoding: str) -> None:
    text = "\n".join(PROSE[language])
    assert decode(text.encode(encoding)).text == text
    assert decode(text.upper().encode(encoding)).text == text.upper()


def test_letters_of_another_alphabet_among_much_ascii_are_never_taken_for_accents() -> None:
    code = "".join(f"def f_{i}(argument, other): return argument + other * {i}  # шаг {i}\n" for i in range(30))
    with pytest.raises(Undecodable, match="save it as UTF-8"):
        decode(code.encode("cp1251"))
    quoted = "“It’s the miller’s window,” she said – and the dog slept on, at 25 °C. " * 3
    assert decode(quoted.encode("cp1252"))[:2] == (quoted, "cp1252")


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_jp_2004", "iso2022_kr"])
def test_seven_bit_encodings_are_read_and_not_taken_for_ascii(encoding: str) -> None:
    text = "강 위에는 아직 짙은 안개가 끼어 있었다.\n" * 3 if encoding == "iso2022_kr" else "\n".join(JAPANESE)
    assert decode(text.encode(encoding)).text == text
    assert decode(b"\x1b[1mbold\x1b(B\x1b[m").encoding == "utf-8"  # what a terminal is sent


def test_a_page_is_read_in_the_encoding_that_it_is_in_whatever_it_says(tmp_path: Path) -> None:
    japanese = "".join(f"<p>{a}{b}</p>" for a, b in pairwise(JAPANESE))
    body = "<html><head><meta charset={}></head><body><article><h1>T</h1>{}</article></body></html>"
    quoted = PAGE.replace("Nebel", "„Nebel“").replace("utf-8", "iso-8859-1")
    files = {
        "a.html": body.format("iso-2022-jp", japanese).encode("iso2022_jp"),
        "b.html": quoted.encode("cp1252"),  # what browsers take iso-8859-1 for
        "c.html": PAGE.replace("utf-8", "utf-16").encode("cp1252"),
    }
    first, second, third = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path).documents
    assert all(sentence in first["text"] for sentence in JAPANESE)
    assert "der „Nebel“ noch über" in second["text"]
    assert GERMAN[1] in third["text"]


def test_a_message_that_names_no_encoding_is_read_in_the_one_it_is_in(tmp_path: Path) -> None:
    message = b"From: a@example.org\r\nSubject: x\r\n\r\n" + "\n".join(JAPANESE).encode("iso2022_jp")
    (row,) = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": message})), tmp_path).documents
    assert row["text"] == "\n".join(JAPANESE)
