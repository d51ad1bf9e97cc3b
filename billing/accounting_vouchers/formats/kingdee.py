"""The workbook that Kingdee Cloud (金蝶云星空) imports vouchers from: GL_VOUCHER.

Source: programs in public that write it and agree on its two header rows of field codes and names;
their 71 to 73 columns differ in the dimensions that an installation has made for itself
(`FDetailID#FF1000..`), which are left out here. A voucher's head stands in its first line alone.
Import it as a draft (暂存): somebody looks at it and posts it there.
"""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from billing.accounting_vouchers.formats.texts import ensure_base, ensure_columns
from billing.accounting_vouchers.schemas import Volume, Voucher, Written
from billing.ledger.schemas import Dimension

_OWN: Final = (
    *((f"FDetailID#FFLEX{n}", name) for n, name in (
        *((16, "其他往来单位"), (15, "银行账号"), (14, "银行"), (13, "客户分组"), (12, "物料分组")),
        *((11, "组织机构"), (10, "资产类别"), (9, "费用项目"), (8, "物料"), (7, "员工")),
        *((6, "客户"), (5, "部门"), (4, "供应商")),
    )),
)  # fmt: skip
COLUMNS: Final = (
    ("FBillHead(GL_VOUCHER)", "*单据头(序号)"),
    ("FAccountBookID", "*(单据头)账簿#编码"),
    ("FAccountBookID#Name", "(单据头)账簿#名称"),
    ("FDate", "*(单据头)日期"),
    ("FBUSDATE", "(单据头)业务日期"),
    ("FYEAR", "(单据头)会计年度"),
    ("FPERIOD", "(单据头)期间"),
    ("FVOUCHERGROUPID", "*(单据头)凭证字#编码"),
    ("FVOUCHERGROUPID#Name", "(单据头)凭证字#名称"),
    ("FVOUCHERGROUPNO", "*(单据头)凭证号"),
    ("FATTACHMENTS", "(单据头)附件数"),
    ("FISADJUSTVOUCHER", "(单据头)是否调整期凭证"),
    ("FACCBOOKORGID", "*(单据头)核算组织#编码"),
    ("FACCBOOKORGID#Name", "(单据头)核算组织#名称"),
    ("FSourceBillKey", "(单据头)业务类型#编码"),
    ("FSourceBillKey#Name", "(单据头)业务类型#名称"),
    ("FIMPORTVERSION", "(单据头)引入版本号"),
    ("*Split*1", "间隔列"),
    ("FEntity", "*分录(序号)"),
    ("FEXPLANATION", "(分录)摘要"),
    ("FACCOUNTID", "*(分录)科目编码#编码"),
    ("FACCOUNTID#Name", "(分录)科目编码#名称"),
    *(
        pair
        for code, name in _OWN
        for pair in ((code, f"(分录){name}#编码"), (f"{code}#Name", f"(分录){name}#名称(Null)"))
    ),
    ("FCURRENCYID", "*(分录)币别#编码"),
    ("FCURRENCYID#Name", "(分录)币别#名称"),
    ("FEXCHANGERATETYPE", "*(分录)汇率类型#编码"),
    ("FEXCHANGERATETYPE#Name", "(分录)汇率类型#名称"),
    ("FEXCHANGERATE", "(分录)汇率"),
    ("FUnitId", "(分录)单位#编码"),
    ("FUnitId#Name", "(分录)单位#名称"),
    ("FPrice", "(分录)单价"),
    ("FQty", "(分录)数量"),
    ("FAMOUNTFOR", "(分录)原币金额"),
    ("FDEBIT", "(分录)借方金额"),
    ("FCREDIT", "(分录)贷方金额"),
    ("FSettleTypeID", "(分录)结算方式#编码"),
    ("FSettleTypeID#Name", "(分录)结算方式#名称"),
    ("FSETTLENO", "(分录)结算号"),
    ("FBUSNO", "(分录)业务编号"),
    ("FEXPORTENTRYID", "(分录)分录内码"),
)
PLACES: Final[Mapping[str, int]] = {code: place for place, (code, _) in enumerate(COLUMNS)}
DIMENSIONS: Final[Mapping[Dimension, str]] = {
    Dimension.AGENT: "FDetailID#FFLEX4",
    Dimension.DEPARTMENT: "FDetailID#FFLEX5",
    Dimension.CUSTOMER: "FDetailID#FFLEX6",
    Dimension.EMPLOYEE: "FDetailID#FFLEX7",
    Dimension.PROGRAM: "FDetailID#FFLEX9",
}
_YUAN: Final = "PRE001"
"""What every installation calls its first currency, 人民币."""
_RATE_TYPE: Final = "HLTX01_SYS"
"""The rate type that is there from the beginning, 固定汇率."""
_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def ensure_writable(volume: Volume) -> None:
    """Refuse what the file cannot hold.

    :raises ExportForeignCurrency: it is not in the books' own currency.
    :raises ExportDimensionUnknown: a line is counted for what has no column.
    """
    ensure_base(volume)
    ensure_columns(volume, DIMENSIONS, "Kingdee")


def write(volume: Volume) -> Written:
    """Write vouchers below the two header rows.

    :raises ExportForeignCurrency: they are not in the books' own currency.
    :raises ExportDimensionUnknown: a line is counted for what has no column.
    """
    import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

    ensure_writable(volume)
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "constant_memory": True}) as book:
        book.set_properties({"created": _MADE})
        form = book.add_format({"num_format": "0.00"})
        sheet = book.add_worksheet("凭证#单据头(FBillHead)")
        for row in (0, 1):
            for column, heading in enumerate(COLUMNS):
                sheet.write_string(row, column, heading[row])
        row, entry = 1, 0
        for n, voucher in enumerate(volume.vouchers, 1):
            for cells in _lines(volume, voucher, n):
                row, entry = row + 1, entry + 1
                for code, value in sorted(
                    {**cells, "FEntity": entry}.items(), key=lambda cell: PLACES[cell[0]]
                ):
                    if isinstance(value, str):
                        sheet.write_string(row, PLACES[code], value)
                    else:
                        sheet.write_number(
                            row, PLACES[code], value, form if isinstance(value, Decimal) else None
                        )
    return Written(target.getvalue())


def _lines(volume: Volume, voucher: Voucher, n: int) -> list[dict[str, Any]]:
    """Give the cells of a voucher's lines by field code."""
    lines: list[dict[str, Any]] = []
    for line in voucher.lines:
        debit, credit = (Decimal(each).scaleb(-2) for each in (line.debit_minor, line.credit_minor))
        lines.append(
            {
                "FEXPLANATION": line.summary,
                "FACCOUNTID": line.account_code,
                "FACCOUNTID#Name": volume.chart[line.account_code].name,
                **{DIMENSIONS[dimension]: value for dimension, value in line.dims.items()},
                "FCURRENCYID": _YUAN,
                "FEXCHANGERATETYPE": _RATE_TYPE,
                "FEXCHANGERATE": 1,
                "FAMOUNTFOR": debit or credit,
                "FDEBIT": debit,
                "FCREDIT": credit,
            }
        )
    lines[0] |= {
        "FBillHead(GL_VOUCHER)": n,
        "FAccountBookID": volume.account_book,
        "FDate": f"{voucher.on}",
        "FBUSDATE": f"{voucher.on}",
        "FYEAR": voucher.on.year,
        "FPERIOD": voucher.on.month,
        "FVOUCHERGROUPID": voucher.word,
        "FVOUCHERGROUPNO": f"{voucher.no}",
        "FATTACHMENTS": 0,
        "FISADJUSTVOUCHER": "False",
        "FACCBOOKORGID": volume.account_book,
    }
    return lines
