"""Prose in other languages than English, written for these tests: sentences that make documents in any order."""

import random
import re
from itertools import pairwise

GERMAN = [
    "Am Morgen lag der Nebel noch über dem Fluss, und niemand war auf der Brücke zu sehen.",
    "Die alte Müllerin öffnete das Fenster und rief nach ihrem Hund, der im Garten schlief.",
    "Es war ein Tag, an dem man lieber zu Hause bleibt und auf den Regen wartet.",
    "Trotzdem machte sich der Junge auf den Weg, denn er hatte es seiner Schwester versprochen.",
    "Im Dorf erzählte man sich, dass hinter dem Wald ein See liegt, den keiner mehr kennt.",
    "Der Lehrer sagte, solche Geschichten seien gut für den Winter und schlecht für die Schule.",
    "Als die Sonne endlich durch die Wolken kam, war der Weg schon halb getrocknet.",
    "Sie aßen ein Stück Brot mit Käse und sprachen lange über das, was sie gesehen hatten.",
    "Niemand wusste, wem das kleine Boot gehörte, das am Ufer angebunden war.",
    "Später am Abend schrieb er alles in ein Heft, damit er nichts davon vergessen würde.",
    "Ein Wagen fuhr langsam vorbei, und der Mann auf dem Bock grüßte mit der Hand.",
    "Wenn du mir nicht glaubst, dann komm morgen selbst mit und sieh es dir an.",
    "Die Katze saß auf der Mauer und tat so, als ginge sie die ganze Sache nichts an.",
    "Zwischen den Steinen wuchs ein Kraut, das die Großmutter für ihren Tee sammelte.",
]
JAPANESE = [
    "朝、川の上にはまだ霧がかかっていて、橋の上には誰もいなかった。",
    "粉屋のおばあさんは窓を開けて、庭で眠っている犬を呼んだ。",
    "家にいて雨を待つのがいちばんよいと思えるような一日だった。",
    "それでも少年は妹との約束を守るために、ひとりで出かけることにした。",
    "村では、森の向こうに忘れられた湖があると言い伝えられている。",
    "先生は、そんな話は冬の夜にはよいが学校には向かないと笑った。",
    "ようやく雲の間から日が差したころには、道はもう半分乾いていた。",
    "ふたりはパンとチーズを分け合い、見てきたものについて長く話した。",
    "岸につながれた小さな舟が誰のものなのか、知る人はいなかった。",
    "夜になると、忘れないようにすべてを帳面に書きとめておいた。",
    "荷車がゆっくり通りすぎ、手綱を持つ男が軽く手を上げた。",
    "信じられないなら、明日いっしょに来て自分の目で確かめるといい。",
    "塀の上の猫は、まるで何も関係がないという顔をしていた。",
    "石のすき間には、祖母がお茶にする草がたくさん生えていた。",
]
CHINESE = [
    "清晨的河面上还笼罩着一层薄雾，桥上看不见一个人。",
    "磨坊的老奶奶推开窗户，叫醒了在院子里睡觉的小狗。",
    "这样的日子，人们更愿意待在家里听雨。",
    "可是男孩答应过妹妹，所以他还是独自上路了。",
    "村里的人都说，森林后面有一个早已被忘记的湖。",
    "老师笑着说，这种故事适合冬天的夜晚，不适合课堂。",
    "等太阳终于从云里出来，路已经干了一半。",
    "他们分着吃了面包和奶酪，谈了很久路上的见闻。",
    "岸边拴着一条小船，谁也不知道它是谁的。",
    "到了晚上，他把所有的事情写进本子里，免得以后忘记。",
    "一辆马车慢慢走过，赶车的人向他们挥了挥手。",
    "你要是不相信我，明天就自己来看一看吧。",
]
SWAHILI = [
    "Asubuhi na mapema ukungu ulikuwa bado juu ya mto, na hakuna mtu aliyeonekana kwenye daraja.",
    "Bibi wa kinu alifungua dirisha na kumwita mbwa wake aliyekuwa amelala bustanini.",
    "Ilikuwa siku ambayo ni bora kukaa nyumbani na kusubiri mvua.",
    "Hata hivyo kijana alianza safari yake kwa sababu alikuwa amemwahidi dada yake.",
    "Watu wa kijiji walisema kwamba nyuma ya msitu kuna ziwa ambalo hakuna anayelijua tena.",
    "Mwalimu alisema hadithi kama hizi ni nzuri kwa usiku wa baridi lakini si kwa shule.",
    "Jua lilipotoka mawinguni, njia ilikuwa tayari imekauka nusu.",
    "Walikula mkate na jibini na kuzungumza kwa muda mrefu kuhusu yale waliyoyaona.",
    "Hakuna aliyejua ni nani mwenye mashua ndogo iliyofungwa ufukweni.",
    "Baadaye jioni aliandika kila kitu katika daftari ili asisahau chochote.",
    "Gari lilipita polepole, na mtu aliyeliendesha aliwasalimu kwa mkono.",
    "Kama huniamini, basi njoo kesho na uone kwa macho yako mwenyewe.",
]
TELUGU = [
    "ఉదయం నది మీద ఇంకా పొగమంచు ఉంది, వంతెన మీద ఎవరూ కనిపించలేదు.",
    "మర అవ్వ కిటికీ తెరిచి తోటలో నిద్రపోతున్న కుక్కను పిలిచింది.",
    "ఇంట్లో కూర్చుని వాన కోసం ఎదురు చూడాలనిపించే రోజు అది.",
    "అయినా ఆ అబ్బాయి చెల్లెలికి మాట ఇచ్చాడు కాబట్టి ఒంటరిగా బయలుదేరాడు.",
    "అడవి వెనుక అందరూ మరిచిపోయిన చెరువు ఉందని ఊరి వాళ్ళు చెప్పేవారు.",
    "ఇలాంటి కథలు చలికాలం రాత్రికి బాగుంటాయి కానీ బడికి కాదు అని గురువు నవ్వాడు.",
    "చివరికి మేఘాల నుండి సూర్యుడు బయటికి వచ్చేసరికి దారి సగం ఆరిపోయింది.",
    "వాళ్ళు రొట్టె పంచుకుని తిని తాము చూసిన వాటి గురించి చాలాసేపు మాట్లాడుకున్నారు.",
    "ఒడ్డున కట్టి ఉన్న చిన్న పడవ ఎవరిదో ఎవరికీ తెలియదు.",
    "సాయంత్రం అతను ఏదీ మరిచిపోకుండా అన్నీ ఒక పుస్తకంలో రాసుకున్నాడు.",
    "ఒక బండి నెమ్మదిగా వెళ్ళింది, దాన్ని నడిపే మనిషి చేయి ఊపాడు.",
    "నన్ను నమ్మకపోతే రేపు నువ్వే వచ్చి నీ కళ్ళతో చూడు.",
]
INVENTED = [  # a made-up tongue in a script with capitals: no model knows it
    "Vrostuk hamelqa tirrop zanuk, blogiv renta quor sumablat.",
    "Ketu vormaz ilqandu brestok, ghalim tropuz nekva dormulix.",
    "Zhimbor latuk prenqa sovildu, ankret muzvor tilqa brendoq.",
    "Harvuk sempli dotraz quenlo, vimtar oskelbu nadriq.",
    "Golbrat enqui fasturm pelko, drivnas ulmekta zorvin halbuq.",
    "Tremvol qasidu nolkrat benvu, shelqom ardit vustrap.",
    "Oskru delmanta fiqor grenul, patvik sorumbel haqtri.",
    "Wulqat menidro skelvu trabon, ilzet vorqanu pemdal kirshu.",
    "Brinqo taluvek damroz shenti, gorpul eqinda vastrum.",
    "Nelkru hoqavit sembrol tundi, arqes pulvomak drigna.",
    "Quervil samtoq obrendu lakiz, tornu vehaqsi plamdor.",
    "Fendrak olqumi tervas gubrol, shimqa landrevo kuptin.",
]


def document(sentences: list[str], draw: random.Random) -> str:
    """All sentences in an order of their own, three or four to a line."""
    order = draw.sample(sentences, len(sentences))
    return "\n".join(" ".join(order[i : i + 4]) for i in range(0, len(order), 4))


PAGE = f"""<!doctype html><html lang="de"><head><meta charset="utf-8"><title>Nebel</title>
<script>track("you")</script></head><body>
<nav><ul><li><a href="/">Startseite</a></li><li><a href="/ueber">Über uns</a></li></ul></nav>
<aside class="sidebar"><a href="/1">Verwandte Artikel</a></aside>
<main><article><h1>Der Nebel</h1>
{"".join(f"<p>{one} {two}</p>" for one, two in pairwise(GERMAN))}</article></main>
<footer><p>Impressum · Datenschutz · © 2024</p></footer></body></html>"""


def prose(sentences: list[str], count: int, seed: int = 1) -> dict[str, str]:
    """As many files of clauses that few others have, among them names with spaces, new lines and emoji."""
    draw = random.Random(seed)
    clauses = [clause.strip(" .。") for sentence in sentences for clause in re.split("[,、]", sentence)]
    end = "。" if sentences is JAPANESE else ". "
    names = ["ein Name.txt", "neue\nZeile.md", "🙂/日本.txt", *(f"{i:03d}.txt" for i in range(count))]
    return {name: end.join(draw.sample(clauses, 13)) + end.strip() for name in names[:count]}
