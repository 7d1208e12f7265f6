"""Prose of many languages, written for these tests, with the encodings that their texts are stored in."""

from tests.tasks.languages import CHINESE, JAPANESE

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
NEIGHBOURS = {  # further code pages of a language, and further languages
    "Hebrew": (
        "cp1255 iso8859_8 cp862",
        "הסירה עזבה את הנמל בבוקר. אף אחד לא ידע מי בנה את הגשר הישן. הילדים אכלו לחם עם דבש ליד הנהר. "
        "בערב ירד גשם על הכפר והכלב ישן תחת העץ.",
    ),
    "Arabic": (
        "cp1256 iso8859_6",
        "غادرت السفينة الميناء في الصباح الباكر. لم يعرف أحد من بنى الجسر القديم. أكل الأطفال الخبز مع "
        "العسل قرب النهر. في المساء نزل المطر على القرية ونام الكلب تحت الشجرة.",
    ),
    "Thai": (
        "cp874",
        "เรือออกจากท่าตั้งแต่เช้า ไม่มีใครรู้ว่าใครสร้างสะพานเก่า เด็กๆกินขนมปังกับน้ำผึ้งริมแม่น้ำ ตอนเย็นฝนตกลงมาที่หมู่บ้าน สุนัขนอนอยู่ใต้ต้นไม้",
    ),
    "Bulgarian": (
        "cp1251 iso8859_5 cp866 mac_cyrillic cp855 koi8_r",
        "Лодката замина от пристанището рано сутринта. Никой не знаеше кой е построил стария мост. Децата "
        "ядяха хляб с мед край реката. Вечерта заваля дъжд над селото, а кучето спеше под дървото.",
    ),
    "Belarusian": (
        "cp1251 iso8859_5",
        "Лодка адплыла з прыстані раніцай. Ніхто не ведаў, хто пабудаваў стары мост. Дзеці елі хлеб з "
        "мёдам каля ракі. Увечары пайшоў дождж, і сабака спаў пад дрэвам ў садзе.",
    ),
    "Kazakh": (
        "kz1048 ptcp154",
        "Таңертең ерте тұрып, өзенге бардық және балық ауладық. Қазақстан үлкен ел. Көпірді кім салғанын ешкім "
        "білмейді. Балалар өзен жағасында бал қосылған нан жеді. Кешке ауылға жаңбыр жауды.",
    ),
    "Tajik": (
        "koi8_t",
        "Қаиқ субҳи барвақт аз бандар рафт. Ҳеҷ кас намедонист, ки пули кӯҳнаро кӣ сохтааст. Бачаҳо дар лаби дарё "
        "нони асалӣ хӯрданд. Бегоҳӣ дар деҳа борон борид ва саг дар зери дарахт хоб мерафт.",
    ),
    "Serbian": (
        "cp1251 iso8859_5 cp855",
        "Чамац је отишао из луке рано ујутру. Нико није знао ко је саградио стари мост. Деца су јела хлеб "
        "са медом крај реке. Увече је падала киша, а пас је спавао под дрветом.",
    ),
    "Russian": (
        "cp1251 koi8_r iso8859_5 cp866 mac_cyrillic cp855",
        "Никто в деревне уже не помнил, кто построил мост. Моя тётя держала пчёл за школой. Яблоки Ивана "
        "лежали в саду. Вечером пошёл дождь, и собака спала под деревом. Эта Юля ёлку Щукину объяснила.",
    ),
    "Ukrainian": (
        "cp1251 koi8_u mac_cyrillic cp1125",
        "Ніхто в селі вже не пам'ятав, хто збудував міст. Моя тітка тримала бджіл за школою. Яблука Івана "
        "лежали в саду. Увечері пішов дощ, і собака спав під деревом. Її їжак їв ґудзик.",
    ),
    "Greek": (
        "cp1253 iso8859_7 cp737 mac_greek cp869",
        "Ο Άνεμος και η Άνοιξη γυρίζουν όταν το επιτρέπει η παλίρροια. Κανείς δεν ήξερε ποιος έχτισε την "
        "παλιά γέφυρα. Το βράδυ έβρεξε στο χωριό και ο σκύλος κοιμόταν κάτω από το δέντρο. Ο Άνεμος "
        "γύρισε.",
    ),
    "Esperanto": (
        "iso8859_3",
        "Mia onklino gardis abelojn malantaŭ la lernejo, kaj ĉiun aŭtunon ŝi donis mielon. La infanoj "
        "manĝis panon ĉe la ĝardeno. Neniu sciis, kiu konstruis la malnovan ponton. Ĵaŭde pluvis.",
    ),
    "Welsh": (
        "iso8859_14",
        "Gadawodd y cwch yr harbwr yn gynnar yn y bore. Nid oedd neb yn gwybod pwy a adeiladodd yr hen "
        "bont. Bu'r plant yn bwyta bara a mêl ger yr afon. Roedd y tŷ'n wag, a'r ŵyl a'r dŵr yn oer.",
    ),
    "Maltese": (
        "iso8859_3",
        "Id-dgħajsa telqet mill-port filgħodu kmieni. Ħadd ma kien jaf min bena l-pont il-qadim. It-tfal "
        "kielu l-ħobż bl-għasel ħdejn ix-xmara. Filgħaxija għamlet ix-xita u l-kelb raqad taħt is-siġra.",
    ),
    "Turkish": (
        "cp1254 iso8859_3 cp857 mac_turkish",
        "Tekne sabah erkenden limandan ayrıldı. Eski köprüyü kimin yaptığını kimse bilmiyordu. Çocuklar "
        "ırmağın kıyısında ballı ekmek yedi. Akşam köye yağmur yağdı ve köpek ağacın altında uyudu.",
    ),
    "Estonian": (
        "cp1257 iso8859_13 cp775",
        "Paat lahkus sadamast varahommikul. Keegi ei teadnud, kes vana silla ehitas. Lapsed sõid jõe "
        "ääres mett ja leiba. Õhtul sadas külas vihma ja koer magas puu all. Šokolaad oli žürii ees.",
    ),
    "Latvian": (
        "cp1257 iso8859_4 iso8859_13 cp775",
        "Laiva agri no rīta atstāja ostu. Neviens nezināja, kurš uzcēla veco tiltu. Bērni pie upes ēda "
        "maizi ar medu. Vakarā ciemā lija lietus, un suns gulēja zem koka. Ģimene šķita ļoti priecīga.",
    ),
    "Icelandic": (
        "cp1252 cp861 mac_iceland",
        "Báturinn fór úr höfninni snemma um morguninn. Enginn vissi hver hafði byggt gömlu brúna. Börnin "
        "borðuðu brauð með hunangi við ána. Um kvöldið rigndi í þorpinu og hundurinn svaf undir trénu.",
    ),
    "Danish": (
        "cp1252 cp865 cp850 mac_roman",
        "Båden forlod havnen tidligt om morgenen. Ingen vidste, hvem der havde bygget den gamle bro. "
        "Børnene spiste brød med honning ved åen. Om aftenen regnede det, og hunden sov under træet.",
    ),
    "Romanian": (
        "cp1250 iso8859_2",
        "Barca a plecat din port dimineaţa devreme. Nimeni nu ştia cine a construit podul vechi. Copiii "
        "au mâncat pâine cu miere lângă râu. Seara a plouat în sat şi câinele dormea sub copac.",
    ),
    "Portuguese": (
        "cp1252 cp860 cp850 mac_roman",
        "O barco deixou o porto de manhã cedo. Ninguém sabia quem construíra a ponte velha. As crianças "
        "comeram pão com mel à beira do rio. À noite choveu na aldeia e o cão dormia debaixo da árvore.",
    ),
    "German": (
        "cp1252 cp850 cp437 mac_roman iso8859_15",
        "Das Boot verließ früh am Morgen den Hafen. Niemand wußte, wer die alte Brücke gebaut hatte. Die "
        "Kinder aßen Brot mit Honig am Fluß. Am Abend regnete es, und der Hund schlief unter dem Baum. "
        "Äpfel, Öl und Übermut.",
    ),
}
EAST_ASIAN = {
    "Japanese": ("cp932 euc_jp", "\n".join(JAPANESE)),
    "a Japanese manual": ("cp932 euc_jp", "本装置を設置する際は、電源を切ってから作業を行ってください。\n" * 12),
    "Chinese": ("gb18030 gb2312 gbk", "\n".join(CHINESE)),
    "Chinese in traditional characters": (
        "big5 cp950 gbk",
        "清晨的河面上還籠罩著一層薄霧，橋上看不見一個人。村裡的人都說，森林後面有一個湖。",
    ),
    "Korean": ("euc_kr cp949", "아침 강 위에는 아직 짙은 안개가 끼어 있었고 다리 위에는 아무도 보이지 않았다."),
}
