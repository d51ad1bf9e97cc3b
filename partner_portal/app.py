"""The application as people open it: the pages on top of the API, in one process."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException

from partner_portal import assets, failures, live, session
from partner_portal.account import calendar
from partner_portal.account import pages as account
from partner_portal.activities import calls, task_forms, visits
from partner_portal.activities import tasks as to_do
from partner_portal.analyses import pages as analyses
from partner_portal.benefits import batches as benefit_batches
from partner_portal.benefits import pages as benefits
from partner_portal.benefits import units, vouchers
from partner_portal.bulk import pages as bulk
from partner_portal.campaigns import ground
from partner_portal.campaigns import pages as campaigns
from partner_portal.cases import pages as cases
from partner_portal.cases import targets as case_targets
from partner_portal.commissions import pages as commissions
from partner_portal.conflicts import pages as conflicts
from partner_portal.console import (
    accounting,
    admission,
    batches,
    court,
    eligibility,
    exits,
    offers,
    partners,
    plan_versions,
    programs,
    reviews,
    rulebook,
    sales_sheets,
    waits,
)
from partner_portal.console import commissions as console_commissions
from partner_portal.console import pages as console
from partner_portal.console import payouts as console_payouts
from partner_portal.console import plans as console_plans
from partner_portal.console import reconciliation as console_reconciliation
from partner_portal.console import requests as console_requests
from partner_portal.console import statements as console_statements
from partner_portal.contracts import pages as contracts
from partner_portal.contracts import papers
from partner_portal.custom import pages as custom
from partner_portal.customers import (
    children,
    detail,
    editing,
    merging,
    relationship,
    reveals,
)
from partner_portal.customers import pages as customers
from partner_portal.deals import board
from partner_portal.deals import detail as deal
from partner_portal.devices import pages as devices
from partner_portal.entrance import invitation
from partner_portal.entrance import pages as entrance
from partner_portal.gallery import pages as gallery
from partner_portal.imports import pages as imports
from partner_portal.leads import opt_outs
from partner_portal.leads import pages as leads
from partner_portal.leads import public as lead_forms
from partner_portal.notifications import pages as notifications
from partner_portal.objects import pages as objects
from partner_portal.objects import records as object_records
from partner_portal.partnership import leaving
from partner_portal.partnership import pages as partnership
from partner_portal.people import pages as people
from partner_portal.people import rights, teams
from partner_portal.plan import pages as plan
from partner_portal.plays import clock as play_clock
from partner_portal.plays import form as play
from partner_portal.plays import pages as plays
from partner_portal.pools import pages as pools
from partner_portal.pools import settings as pool_settings
from partner_portal.processes import drafting, migration
from partner_portal.processes import pages as processes
from partner_portal.quality import pages as quality
from partner_portal.reconciliation import pages as reconciliation
from partner_portal.registrations import checking
from partner_portal.registrations import pages as registrations
from partner_portal.rendering import Renderer
from partner_portal.requests import pages as requests
from partner_portal.sales import prices, quotes
from partner_portal.statements import pages as statements
from partner_portal.static_files import static_file
from partner_portal.tags import pages as tags
from partner_portal.today import pages as today
from partner_portal.transparency import pages as transparency
from partner_portal.views import pages as views
from partner_portal.words import Language, catalogue
from server import app as server
from server.settings import Environment, Settings


def create_app(settings: Settings) -> Litestar:
    """Make the application that serves API and pages.

    `server.app:create_app` alone is the deployment without pages.
    """
    renderer = Renderer(assets.load())
    # Read here, before the processes are forked that would each read them for themselves.
    for language in Language:
        catalogue(language)
    outside = Router(
        "/",
        route_handlers=[
            static_file,
            entrance.start,
            entrance.entrance,
            entrance.sign_in,
            entrance.sign_out,
            entrance.choose_language,
            invitation.enrol,
            invitation.join,
            invitation.look,
            invitation.accept,
            lead_forms.form,
            lead_forms.send,
            *([] if settings.environment is Environment.PRODUCTION else [gallery.gallery]),
        ],
        middleware=[session.Visit()],
        before_request=session.ensure_own_form,
        exception_handlers=failures.HANDLERS,
        opt={"exclude_from_auth": True, "auth": "cookie"},
        include_in_schema=False,
    )
    inside = Router(
        "/",
        route_handlers=[
            customers.customer_list,
            customers.found,
            views.open_view,
            views.new_view,
            views.save_view,
            views.remove_view,
            detail.detail,
            detail.cell,
            detail.save_cell,
            detail.add_note,
            detail.add_child,
            detail.change_tags,
            detail.settle,
            detail.undo_merge,
            detail.history,
            merging.duplicates,
            merging.whom,
            merging.compare,
            merging.merge,
            merging.tell_apart,
            editing.new_customer,
            editing.create,
            editing.edit_form,
            editing.save,
            today.today,
            to_do.tasks,
            to_do.export,
            to_do.task,
            to_do.complete,
            to_do.cancel,
            to_do.assign,
            to_do.add,
            task_forms.edit_form,
            task_forms.edit,
            task_forms.many_form,
            task_forms.add_many,
            calls.add,
            visits.visits,
            visits.export,
            visits.visit,
            visits.appeal,
            visits.decide,
            visits.plan,
            visits.come_unplanned,
            visits.come,
            visits.leave,
            notifications.notifications,
            notifications.read_all,
            notifications.read,
            notifications.setting,
            notifications.change_setting,
            board.board,
            board.drop,
            board.deal_list,
            board.export,
            board.forecast,
            deal.new_deal,
            deal.begin,
            deal.deal,
            deal.change,
            deal.move,
            deal.tick,
            deal.open_template,
            campaigns.campaign_list,
            campaigns.new_campaign,
            campaigns.add_campaign,
            campaigns.campaign,
            campaigns.change_campaign,
            campaigns.add_cost,
            campaigns.add_page,
            campaigns.close_page,
            campaigns.review,
            ground.sources,
            ground.add_source,
            ground.change_source,
            ground.terms,
            ground.change_terms,
            ground.add_territory,
            ground.remove_territory,
            ground.change_rules,
            processes.processes,
            processes.built_in,
            processes.process,
            processes.publish,
            processes.retire,
            processes.discard,
            drafting.new_process,
            drafting.begin,
            drafting.draft,
            drafting.write,
            migration.migration,
            migration.migrate,
            quotes.quote_list,
            quotes.export,
            quotes.new_quote,
            quotes.write,
            quotes.quote,
            quotes.quote_pdf,
            quotes.change,
            quotes.decide,
            contracts.contract_list,
            contracts.export,
            contracts.new_contract,
            contracts.write,
            contracts.contract,
            contracts.change,
            contracts.decide,
            contracts.receive,
            papers.add_paper,
            papers.paper,
            cases.case_list,
            cases.export,
            case_targets.targets,
            case_targets.set_targets,
            cases.new_case,
            cases.note_down,
            cases.case,
            cases.change,
            cases.decide,
            cases.comment,
            cases.assign,
            relationship.order_uplift,
            quality.quality,
            requests.request_list,
            requests.new_request,
            requests.call_up,
            requests.one_request,
            requests.change,
            requests.decide,
            checking.check_form,
            checking.check,
            checking.published,
            registrations.wall,
            registrations.register,
            registrations.one_registration,
            registrations.decide,
            registrations.show_evidence,
            registrations.waive,
            registrations.appeal,
            court.court,
            court.one_case,
            court.hear,
            court.rule,
            rulebook.rulebook,
            rulebook.propose,
            rulebook.switch_on,
            rulebook.set_terms,
            console_requests.request_queue,
            console_requests.answer_request,
            prices.prices,
            prices.export,
            prices.add_book,
            prices.add_product,
            prices.set_price,
            benefits.benefit_list,
            benefits.new_request,
            benefits.send_request,
            units.recall,
            benefit_batches.batches,
            benefit_batches.submit,
            benefit_batches.batch,
            benefit_batches.rejected,
            vouchers.counter,
            vouchers.redeem,
            vouchers.benefit,
            vouchers.show_code,
            vouchers.roll_back,
            vouchers.appeal,
            transparency.platform_reads,
            plan.plan,
            plan.paper,
            *commissions.HANDLERS,
            statements.statements,
            statements.statement,
            statements.confirm,
            statements.dispute,
            statements.sign,
            statements.paper,
            statements.workbook,
            statements.proven,
            *reconciliation.HANDLERS,
            partnership.partnership,
            partnership.accept,
            partnership.take_out,
            leaving.leaving,
            leaving.as_sheet,
            leaving.record,
            analyses.analyses,
            imports.import_list,
            imports.upload,
            imports.import_page,
            imports.change_plan,
            imports.start,
            imports.error_file,
            imports.template,
            imports.export,
            children.child,
            children.change_child,
            children.remove_child,
            children.restore_child,
            children.remove_customer,
            children.restore_customer,
            leads.lead_list,
            leads.export,
            leads.new_lead,
            leads.add_lead,
            opt_outs.opt_outs,
            opt_outs.confirm,
            opt_outs.take_back,
            leads.my_leads,
            leads.lead,
            leads.change_lead,
            leads.decide,
            leads.route,
            leads.accept,
            leads.give_back,
            conflicts.conflicts,
            conflicts.settle,
            bulk.bulk_changes,
            bulk.new_bulk,
            bulk.add_bulk,
            bulk.new_hand_over,
            bulk.hand_over,
            bulk.bulk_change,
            bulk.undo,
            plays.plays,
            plays.switch,
            plays.open_source,
            plays.close_source,
            play_clock.sla,
            play_clock.set_sla,
            play.new_play,
            play.add_play,
            play.play,
            play.change_play,
            pools.pools,
            pools.look,
            pools.pick,
            pools.releasing,
            pools.release,
            pool_settings.new_pool,
            pool_settings.add_pool,
            pool_settings.pool,
            pool_settings.change_pool,
            pool_settings.remove_pool,
            tags.tags,
            tags.new_tag,
            tags.add_tag,
            tags.tag,
            tags.change_tag,
            tags.remove_tag,
            custom.fields,
            custom.new_field,
            custom.add_field,
            custom.field,
            custom.change_field,
            custom.archive_field,
            objects.objects,
            objects.new_object,
            objects.add_object,
            objects.held_object,
            objects.change_object,
            objects.archive_object,
            object_records.record_list,
            object_records.export,
            object_records.new_record,
            object_records.add_record,
            object_records.held_record,
            object_records.change_record,
            object_records.remove_record,
            object_records.restore_record,
            reveals.reveal,
            rights.rights,
            rights.set_phone_mask,
            rights.share,
            rights.unshare,
            people.people,
            people.new_person,
            people.add_person,
            people.person,
            people.change_person,
            people.invite,
            people.revoke_invitation,
            people.disable,
            people.enable,
            teams.teams,
            teams.add_team,
            teams.rename_team,
            devices.devices,
            devices.change_lease,
            devices.new_device,
            devices.make_code,
            devices.ask_revocation,
            devices.revoke,
            account.account,
            calendar.make_feed,
            calendar.revoke_feed,
            account.change_password,
            account.sign_out_elsewhere,
            programs.new_program,
            programs.create,
            programs.program,
            programs.fund,
            eligibility.rules,
            eligibility.propose,
            eligibility.publish,
            batches.batches,
            batches.batch,
            batches.approve,
            batches.refuse,
            reviews.reviews,
            reviews.review,
            reviews.take,
            reviews.decide,
            admission.new_agent,
            admission.admit,
            admission.invite_owner,
            exits.agent_exit,
            exits.open_exit,
            exits.cancel_exit,
            exits.readmit,
            exits.as_sheet,
            exits.draw_up,
            exits.choose,
            exits.carry_out,
            waits.waits,
            partners.agent,
            partners.set_tier,
            partners.record_agreement,
            partners.grant_territory,
            partners.end_territory,
            partners.tick,
            partners.offer_contract,
            *accounting.HANDLERS,
            *console_statements.HANDLERS,
            *console_commissions.HANDLERS,
            *sales_sheets.HANDLERS,
            *console_payouts.HANDLERS,
            *offers.HANDLERS,
            *console_plans.HANDLERS,
            *plan_versions.HANDLERS,
            *console_reconciliation.HANDLERS,
            console.overview,
            console.agents,
            console.issuances,
            live.live_feed,
        ],
        exception_handlers=failures.HANDLERS,
        opt={"auth": "cookie"},
        include_in_schema=False,
    )
    app = server.create_app(
        settings,
        more=[outside, inside],
        dependencies={"renderer": Provide(lambda: renderer, sync_to_thread=False)},
        exception_handlers={HTTPException: failures.not_routed},
    )
    app.state.renderer = renderer
    return app
