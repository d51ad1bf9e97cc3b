"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.benefits.batches.tables import BenefitBatch, BenefitBatchRow
from server.benefits.eligibility.tables import BenefitRules, EligibilitySample
from server.benefits.reviews.tables import BenefitGuard, BenefitReview, BenefitTrace
from server.benefits.tables import BenefitProgram, BenefitRequest
from server.benefits.vouchers.tables import Voucher, VoucherAlarm

APP_CONFIG = AppConfig(
    app_name="benefits",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        BenefitBatch,
        BenefitBatchRow,
        BenefitGuard,
        BenefitProgram,
        BenefitRequest,
        BenefitReview,
        BenefitRules,
        BenefitTrace,
        EligibilitySample,
        Voucher,
        VoucherAlarm,
    ],
    migration_dependencies=[],
)
