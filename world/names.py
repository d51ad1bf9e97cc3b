"""Names of people, shops and streets: the commonest syllables, put together by chance."""

import random
from typing import Final

import msgspec

from world.places import City

_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任"
    "沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫"
)
_GIVEN_FIRST: Final = (
    "晓文志建国春秀玉海云佳雨思子俊明红丽永新小德家光振宏天立成世安平景瑞泽嘉若亦书"
)
_GIVEN_LAST: Final = "华英明芳军强伟敏静丽涛超杰娟艳勇磊洋宁琳峰辉鹏飞燕玲斌婷欣怡博轩涵雯昊楠颖凯"
_BRAND_FIRST: Final = (
    "同宏鑫瑞盛华德永恒福顺昌隆泰和兴旺金银玉春晨星云海天地山川江明光远达亨利嘉悦乐众"
)
_BRAND_LAST: Final = (
    "源丰祥泰兴隆达通顺和盛昌信诚友缘家园居苑林泉峰川洋舟航帆晖曦澄朗宜康宁乐美味香"
)
_RARE_BRANDS: Final = ("䶮鑫", "㻶源", "㛃达", "𬭚丰", "𣘗林", "𠅤记", "喆昇", "犇淼")
"""Brands with rare characters; most are lacking in GBK and take four bytes in GB 18030."""
_STREETS: Final = (
    "人民路", "解放路", "建设路", "中山路", "和平路", "文化路", "新华路", "胜利街",
    "朝阳路", "滨江路", "八一路", "环城东路", "环城西路", "学院路", "工业大道", "迎宾大道",
    "兴业路", "振兴街", "体育路", "府前街",
)  # fmt: skip
_STREET_PARTS: Final = ("{n}号", "{n}号{f}楼", "{n}号附{f}号", "{n}弄{f}号", "{n}号一层{f}室")


class Industry(msgspec.Struct, frozen=True):
    """A line of business: how its shops are called and what a deal with them is worth."""

    name: str
    words: tuple[str, ...]
    endings: tuple[str, ...]
    deal_yuan: int
    """A usual deal, in yuan."""


_SHOP: Final = ("店", "经营部", "商行")
_FIRM: Final = ("有限公司", "有限责任公司", "商贸有限公司")

INDUSTRIES: Final = (
    Industry("餐饮", ("餐饮", "酒楼", "火锅", "小吃", "烧烤", "面馆"), ("店", "有限公司"), 6800),
    Industry("便利店", ("便利", "超市", "生鲜超市", "副食"), ("店", "商行", "有限公司"), 4200),
    Industry("烟酒茶", ("烟酒", "茶业", "名酒", "茶庄"), _SHOP, 5600),
    Industry("美容美发", ("美容", "美发", "造型", "养生馆"), ("店", "工作室", "有限公司"), 3900),
    Industry("酒店住宿", ("酒店", "宾馆", "民宿", "客栈"), ("", "有限公司"), 12800),
    Industry("服装鞋帽", ("服饰", "女装", "鞋业", "童装"), ("店", "商行", "有限公司"), 4800),
    Industry("建材家居", ("建材", "家居", "门窗", "陶瓷", "灯饰"), _SHOP + _FIRM, 15600),
    Industry("五金机电", ("五金", "机电", "电器", "工具"), ("经营部", "商行", "有限公司"), 9800),
    Industry("汽车服务", ("汽修", "汽车服务", "轮胎"), ("店", "有限公司", "服务部"), 8600),
    Industry("教育培训", ("教育", "培训", "艺术培训", "书店"), ("中心", "有限公司"), 11200),
    Industry("医药健康", ("大药房", "口腔", "诊所", "眼镜"), ("", "有限公司", "店"), 13500),
    Industry("数码通讯", ("通讯", "数码", "手机", "电脑"), _SHOP, 7200),
    Industry("物流快递", ("物流", "货运", "快递", "仓储"), ("有限公司", "服务部"), 18800),
    Industry("食品加工", ("食品", "粮油", "调味品", "水产"), ("厂", "有限公司", "加工厂"), 16400),
    Industry("宠物母婴", ("母婴", "宠物", "孕婴"), ("店", "用品店", "有限公司"), 4500),
    Industry("休闲娱乐", ("影音", "台球", "健身", "棋牌"), ("俱乐部", "会所", "有限公司"), 7600),
)  # fmt: skip
"""Lines of business in which small companies of such cities work."""


def person(rng: random.Random) -> str:
    """Make a person's name of two or three characters."""
    given = rng.choice(_GIVEN_LAST)
    if rng.randrange(100) < 72:  # noqa: PLR2004 - about as many names have three characters
        given = rng.choice(_GIVEN_FIRST) + given
    return rng.choice(_SURNAMES) + given


def brand(rng: random.Random) -> str:
    """Make what a shop is called: now and then with a character that few fonts have."""
    if rng.randrange(200) == 0:
        return rng.choice(_RARE_BRANDS)
    return rng.choice(_BRAND_FIRST) + rng.choice(_BRAND_LAST)


def company(rng: random.Random, city: City, district: str, industry: Industry) -> str:
    """Make a company's full name: place, brand, trade, form."""
    place = rng.choice((city.name, city.short_name, city.short_name + district, district))
    return place + brand(rng) + rng.choice(industry.words) + rng.choice(industry.endings)


def address(rng: random.Random, district: str) -> str:
    """Make a street address inside the district."""
    part = rng.choice(_STREET_PARTS).format(n=rng.randrange(1, 900), f=rng.randrange(1, 12))
    return district + rng.choice(_STREETS) + part


def email(rng: random.Random, number: int) -> str:
    """Make an address that can reach nobody (RFC 2606)."""
    return f"{rng.choice(('shop', 'info', 'boss', 'sales'))}{number}@example.com"
