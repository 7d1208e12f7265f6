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
