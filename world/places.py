"""Cities of the third and fourth tier with some of their districts: where agents have territories.

Names, administrative codes (GB/T 2260, prefecture level) and rough centres are the real ones,
written down by hand; the channel that is laid over them is invented.
"""

from typing import Final

import msgspec


class City(msgspec.Struct, frozen=True):
    """A prefecture-level city."""

    code: str
    """Administrative code, which a company's credit code repeats."""
    province: str
    name: str
    lat: int
    """Latitude of the centre, in millionths of a degree."""
    lng: int
    """Longitude of the centre, in millionths of a degree."""
    districts: tuple[str, ...]

    @property
    def short_name(self) -> str:
        """Give the name as people say it in a company's name: 金华 for 金华市."""
        return self.name.removesuffix("市")


_TABLE: Final = """
330700 浙江 金华市 29.08 119.65 婺城区 金东区 义乌市 东阳市 永康市
330800 浙江 衢州市 28.94 118.87 柯城区 衢江区 江山市 龙游县
331000 浙江 台州市 28.66 121.42 椒江区 黄岩区 路桥区 温岭市 临海市
331100 浙江 丽水市 28.47 119.92 莲都区 龙泉市 缙云县 青田县
320800 江苏 淮安市 33.61 119.02 清江浦区 淮安区 淮阴区 涟水县
320900 江苏 盐城市 33.35 120.16 亭湖区 盐都区 大丰区 东台市
321300 江苏 宿迁市 33.96 118.28 宿城区 宿豫区 沭阳县 泗阳县
320700 江苏 连云港市 34.60 119.22 海州区 连云区 赣榆区 东海县
340200 安徽 芜湖市 31.35 118.43 镜湖区 鸠江区 弋江区 无为市
340500 安徽 马鞍山市 31.67 118.51 花山区 雨山区 博望区 当涂县
340800 安徽 安庆市 30.54 117.06 迎江区 大观区 宜秀区 桐城市
341200 安徽 阜阳市 32.89 115.81 颍州区 颍东区 颍泉区 界首市
341300 安徽 宿州市 33.65 116.96 埇桥区 砀山县 萧县 灵璧县
360400 江西 九江市 29.71 116.00 浔阳区 濂溪区 柴桑区 瑞昌市
360700 江西 赣州市 25.83 114.93 章贡区 南康区 赣县区 瑞金市
360900 江西 宜春市 27.81 114.42 袁州区 丰城市 樟树市 高安市
361100 江西 上饶市 28.45 117.94 信州区 广丰区 广信区 德兴市
350300 福建 莆田市 25.45 119.01 城厢区 涵江区 荔城区 仙游县
350600 福建 漳州市 24.51 117.65 芗城区 龙文区 龙海区 漳浦县
350800 福建 龙岩市 25.08 117.02 新罗区 永定区 漳平市 上杭县
370800 山东 济宁市 35.41 116.59 任城区 兖州区 曲阜市 邹城市
371300 山东 临沂市 35.10 118.36 兰山区 罗庄区 河东区 沂水县
371400 山东 德州市 37.43 116.36 德城区 陵城区 禹城市 乐陵市
371700 山东 菏泽市 35.23 115.48 牡丹区 定陶区 曹县 单县
410300 河南 洛阳市 34.62 112.45 西工区 涧西区 洛龙区 偃师区
410700 河南 新乡市 35.30 113.93 红旗区 卫滨区 牧野区 辉县市
411300 河南 南阳市 32.99 112.53 宛城区 卧龙区 邓州市 新野县
411400 河南 商丘市 34.41 115.66 梁园区 睢阳区 永城市 虞城县
411700 河南 驻马店市 33.01 114.02 驿城区 西平县 上蔡县 遂平县
420500 湖北 宜昌市 30.69 111.29 西陵区 伍家岗区 夷陵区 枝江市
420600 湖北 襄阳市 32.01 112.12 襄城区 樊城区 襄州区 枣阳市
421000 湖北 荆州市 30.33 112.24 沙市区 荆州区 松滋市 监利市
430400 湖南 衡阳市 26.89 112.57 雁峰区 石鼓区 蒸湘区 耒阳市
430600 湖南 岳阳市 29.36 113.13 岳阳楼区 云溪区 汨罗市 临湘市
430700 湖南 常德市 29.03 111.70 武陵区 鼎城区 津市市 桃源县
440800 广东 湛江市 21.27 110.36 赤坎区 霞山区 麻章区 廉江市
441400 广东 梅州市 24.29 116.12 梅江区 梅县区 兴宁市 大埔县
445200 广东 揭阳市 23.55 116.37 榕城区 揭东区 普宁市 惠来县
450300 广西 桂林市 25.27 110.29 秀峰区 象山区 七星区 临桂区
450900 广西 玉林市 22.65 110.18 玉州区 福绵区 北流市 容县
510700 四川 绵阳市 31.47 104.68 涪城区 游仙区 安州区 江油市
511300 四川 南充市 30.84 106.11 顺庆区 高坪区 嘉陵区 阆中市
511500 四川 宜宾市 28.75 104.64 翠屏区 南溪区 叙州区 长宁县
520300 贵州 遵义市 27.73 106.93 红花岗区 汇川区 播州区 仁怀市
530300 云南 曲靖市 25.49 103.80 麒麟区 沾益区 马龙区 宣威市
610300 陕西 宝鸡市 34.36 107.24 渭滨区 金台区 陈仓区 凤翔区
610400 陕西 咸阳市 34.33 108.71 秦都区 渭城区 兴平市 彬州市
130400 河北 邯郸市 36.63 114.54 丛台区 复兴区 邯山区 永年区 武安市
130600 河北 保定市 38.87 115.46 竞秀区 莲池区 满城区 清苑区 涿州市
140400 山西 长治市 36.20 113.12 潞州区 上党区 屯留区 襄垣县
150200 内蒙古 包头市 40.66 109.84 昆都仑区 青山区 东河区 九原区
210300 辽宁 鞍山市 41.11 122.99 铁东区 铁西区 立山区 海城市
230200 黑龙江 齐齐哈尔市 47.35 123.92 龙沙区 建华区 铁锋区 讷河市
"""


def _micro(degrees: str) -> int:
    """Read hundredths of a degree as millionths, without passing through a float."""
    whole, hundredths = degrees.split(".")
    return int(whole) * 1_000_000 + int(hundredths) * 10_000


def _city(line: str) -> City:
    """Read one line of the table."""
    code, province, name, lat, lng, *districts = line.split()
    return City(code, province, name, _micro(lat), _micro(lng), tuple(districts))


CITIES: Final = tuple(_city(line) for line in _TABLE.strip().splitlines())
"""All cities, in the order of the table; code that samples them depends on this order."""
