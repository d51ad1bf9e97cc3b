"""The command ``tonglu-device``: its arguments, and what each failure ends with."""

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from mobile_client_sdk.backup import BackupUnusable
from mobile_client_sdk.conflicts import field_name, value_shown
from mobile_client_sdk.device import (
    actions,
    calling,
    contracting,
    customs,
    helping,
    promising,
    quoting,
    registering,
    selling,
    serving,
    tasks,
)
from mobile_client_sdk.device.desk import LOCKED, NO_NETWORK, NOT_DONE, SIGN_IN, USAGE, Desk, Stop
from mobile_client_sdk.device.words import NAME, Words, language_of
from mobile_client_sdk.lease import ClockSetBack, LeaseEnded, StoreWiped
from mobile_client_sdk.session import ProtectionNeeded, SignedOut
from mobile_client_sdk.store import StoreUnusable
from mobile_client_sdk.transport import Offline, RequestRefused, ServerTrouble, UpdateNeeded
from sync_protocol.contracting.states import Verb as ContractVerb
from sync_protocol.helping import Verb as HelpVerb
from sync_protocol.quoting.states import Verb
from sync_protocol.schema import (
    CALL_OUTCOMES,
    CASE_SEVERITIES,
    RESOURCES,
    RETURN_REASONS,
    SCHEMA,
    VERDICTS,
    ValueRefused,
)
from sync_protocol.serving import Verb as CaseVerb

_LIMIT: Final = 50
_ENDINGS: Final[dict[type[Exception], tuple[int, str]]] = {
    ClockSetBack: (LOCKED, "error.clock"),
    LeaseEnded: (LOCKED, "error.locked"),
    StoreWiped: (LOCKED, "sync.wiped"),
    ProtectionNeeded: (LOCKED, "sync.protection_needed"),
    UpdateNeeded: (LOCKED, "sync.update_needed"),
    Offline: (NO_NETWORK, "error.offline"),
    ServerTrouble: (NO_NETWORK, "error.offline"),
    StoreUnusable: (LOCKED, "error.unusable"),
    BackupUnusable: (NOT_DONE, "error.backup"),
    OSError: (NOT_DONE, "error.backup"),
}
"""The first line that fits is the one: a kind stands above what it is a kind of."""
_REASONS: Final = (
    (re.compile(r"invalid choice: (?P<named>.*) \(choose from (?P<known>.*)\)"), "error.no_choice"),
    (re.compile(r"arguments are required: (?P<named>.*)"), "error.missing"),
    (re.compile(r"unrecognized arguments: (?P<named>.*)"), "error.unknown"),
)
"""What the parser of the standard library says, and the words for it."""
_FIELDS: Final = (*SCHEMA.record("customer").fields, *SCHEMA.record("contact").fields)
_KNOWN: Final[tuple[type[Exception], ...]] = (*_ENDINGS, ValueRefused, SignedOut, RequestRefused)


def main(
    arguments: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    out: TextIO | None = None,
    errors: TextIO | None = None,
) -> int:
    """Do what was asked for; answer the exit code."""
    out, errors = out or sys.stdout, errors or sys.stderr
    program = sys.argv[0] if arguments is None else NAME
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    language = language_of(_named("--lang", arguments), dict(environment))
    words = Words(language, _called(program, arguments))
    asked = _parser(words, environment).parse_args(arguments)
    desk = Desk(Path(asked.home).expanduser(), words, out)
    try:
        action: actions.Action = asked.action
        return action(desk, asked)
    except Stop as stop:
        code, sentence = stop.code, str(stop)
    except _KNOWN as error:
        code, sentence = _failure(words, error)
    errors.write(sentence + "\n")
    return code


def _failure(words: Words, error: Exception) -> tuple[int, str]:
    """Answer the exit code and the sentence of a failure."""
    if isinstance(error, ValueRefused):
        return NOT_DONE, _advice(words, error)
    if isinstance(error, SignedOut):
        is_other = "another person" in str(error)
        return SIGN_IN, words("error.other_person" if is_other else "error.not_enrolled")
    if isinstance(error, RequestRefused):
        is_code = error.status == 401  # noqa: PLR2004 - an HTTP status
        return SIGN_IN, words("error.code") if is_code else words("error.refused", why=error)
    code, key = next(ending for kind, ending in _ENDINGS.items() if isinstance(error, kind))
    return code, words(key, why=error, pending="")


def _advice(words: Words, error: ValueRefused) -> str:
    """Say what a field takes."""
    name = field_name(error.field or "", words.language)
    if error.code == "field_required":
        return words("error.required", field=name)
    spec = next((each for each in _FIELDS if each.name == error.field), None)
    if spec is not None and spec.choices:
        known = ", ".join(value_shown(spec.name, each, words.language) for each in spec.choices)
        return words("error.choices", field=name, known=known)
    if spec is not None and "longer than" in error.detail:
        return words("error.long", field=name, most=spec.max_length)
    return words("error.phone" if error.field == "phone" else "error.value", field=name)


def _named(option: str, arguments: Sequence[str]) -> str | None:
    """Look for an option before anything else, so that the help is in its language too."""
    for position, each in enumerate(arguments):
        if each.startswith(f"{option}="):
            return each.partition("=")[2]
        if each == option:
            return next(iter(arguments[position + 1 : position + 2]), None)
    return None


def _called(program: str, arguments: Sequence[str]) -> str:
    """Say how this command was called, up to what it was to do."""
    is_found = program == shutil.which(NAME)
    given = [(option, _named(option, arguments)) for option in ("--home", "--lang")]
    told = [word for option, value in given if value for word in (option, value)]
    return shlex.join([NAME if is_found else program, *told])


def _parser(words: Words, environment: Mapping[str, str]) -> argparse.ArgumentParser:
    home = environment.get("TONGLU_DEVICE_HOME", "~/.local/share/tonglu-device")
    kind = _parsers(words)
    parser = kind(NAME, description=words("about"), epilog=words("epilog"))
    parser.add_argument("--home", default=home, help=words("help.home"))
    parser.add_argument("--lang", choices=("zh-CN", "en"), help=words("help.lang"))
    commands = parser.add_subparsers(
        required=True,
        prog=parser.prog,
        metavar=words("command"),
        title=words("commands"),
        parser_class=kind,
    )

    def command(name: str, action: actions.Action) -> argparse.ArgumentParser:
        about = words(f"help.{name}")
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(action=action)
        return made

    one = command("login", actions.login)
    one.add_argument("url", help=words("arg.url"))
    one.add_argument("code", help=words("arg.code"))
    one.add_argument("--name", help=words("arg.name"))
    command("status", actions.status)
    one = command("list", actions.list_customers)
    one.add_argument("search", nargs="?", default="", help=words("arg.search"))
    one.add_argument("--city", help=field_name("city", words.language))
    one.add_argument("--limit", type=int, default=_LIMIT, help=words("arg.limit"))
    command("show", actions.show).add_argument("customer", help=words("arg.customer"))
    one = command("add", actions.add)
    one.add_argument("name", help=field_name("name", words.language))
    one.add_argument("fields", nargs="*", help=words("arg.fields"))
    one = command("edit", actions.edit)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("fields", nargs="+", help=words("arg.fields"))
    one = command("note", actions.note)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("text", nargs="+", help=words("arg.text"))
    _take_activities(command, words)
    one = command("contact", actions.contact)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("name", help=field_name("name", words.language))
    for name in ("phone", "title", "wechat"):
        one.add_argument(f"--{name}", help=field_name(name, words.language, "contact"))
    command("leads", actions.leads)
    command("accept", actions.accept).add_argument("lead", help=words("arg.lead"))
    one = command("return", actions.give_back)
    one.add_argument("lead", help=words("arg.lead"))
    one.add_argument("reason", choices=RETURN_REASONS, help=words("arg.reason"))
    one.add_argument("note", nargs="*", help=words("arg.text"))
    for add in (
        *(_selling, _quoting, _contracting, _serving, _helping, _registering, _promising),
        _customs,
    ):
        add(command, words)
    command("sync", actions.sync)
    one = command("conflicts", actions.conflicts)
    one.add_argument("decision", nargs="?", choices=("restore", "keep"), help=words("arg.decision"))
    one.add_argument("number", nargs="?", type=int, help=words("arg.number"))
    one = command("outbox", actions.outbox)
    one.add_argument("do", nargs="?", choices=("export", "import", "seen"), help=words("arg.do"))
    one.add_argument("file", nargs="?", help=words("arg.file"))
    one.add_argument("--passphrase", action="store_true", help=words("arg.passphrase"))
    return parser


def _take_visit(one: argparse.ArgumentParser, words: Words) -> None:
    """Say what a visit is told with."""
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("text", nargs="*", help=words("arg.text"))
    one.add_argument("--at", help=words("arg.at"))
    one.add_argument("--accuracy", type=int, help=words("arg.accuracy"))
    one.add_argument("--out", action="store_true", help=words("arg.out"))


def _take_activities(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about visits, tasks and calls."""
    _take_visit(command("visit", actions.visit), words)
    command("tasks", tasks.tasks).add_argument("customer", nargs="?", help=words("arg.customer"))
    one = command("task", tasks.task)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("text", nargs="+", help=words("arg.text"))
    one.add_argument("--due", help=words("arg.due"))
    one = command("done", tasks.done)
    one.add_argument("task", help=words("arg.task"))
    one.add_argument("text", nargs="*", help=words("arg.text"))
    for name, action in (("dial", calling.dial), ("call", calling.call)):
        one = command(name, action)
        one.add_argument("customer", help=words("arg.customer"))
        one.add_argument("--contact", help=words("arg.contact"))
    one.add_argument("outcome", choices=CALL_OUTCOMES, help=words("arg.outcome"))
    one.add_argument("text", nargs="*", help=words("arg.text"))
    one.add_argument("--minutes", type=int, help=words("arg.minutes"))
    one.add_argument("--incoming", action="store_true", help=words("arg.incoming"))


def _selling(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about deals."""
    command("deals", selling.deals).add_argument("customer", nargs="?", help=words("arg.customer"))
    one = command("deal", selling.begin)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("name", help=words("deal"))
    one.add_argument("--amount", help=words("arg.amount"))
    one.add_argument("--on", help=words("arg.on"))
    one = command("step", selling.step)
    one.add_argument("deal", help=words("arg.deal"))
    one.add_argument("numbers", nargs="+", type=int, help=words("arg.steps"))
    command("advance", selling.advance).add_argument("deal", help=words("arg.deal"))


def _reason(words: Words, message: str) -> str:
    """Say in the person's language what the parser misses."""
    for pattern, key in _REASONS:
        if found := pattern.search(message):
            named = {name: each.replace("'", "") for name, each in found.groupdict().items()}
            return words(key, **named)
    return message


def _quoting(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about products and quotes."""
    command("products", quoting.products)
    command("quotes", quoting.quotes).add_argument("deal", nargs="?", help=words("arg.deal"))
    one = command("quote", quoting.write)
    one.add_argument("deal", help=words("arg.deal"))
    one.add_argument("name", help=words("quote"))
    one.add_argument("lines", nargs="+", help=words("arg.lines"))
    one.add_argument("--book", help=words("arg.book"))
    one.add_argument("--off", help=words("arg.off"))
    one.add_argument("--on", help=words("arg.on"))
    one = command("decide", quoting.decide)
    one.add_argument("quote", help=words("arg.quote"))
    one.add_argument("verb", choices=tuple(Verb), type=Verb, help=words("arg.verb"))
    one.add_argument("remark", nargs="*", help=words("arg.text"))


def _contracting(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about contracts."""
    command("contracts", contracting.contracts)
    one = command("contract", contracting.write)
    one.add_argument("deal", help=words("arg.deal"))
    one.add_argument("name", help=words("contract"))
    one.add_argument("amount", help=words("arg.amount"))
    one.add_argument("parts", nargs="*", help=words("arg.parts"))
    one.add_argument("--until", help=words("arg.on"))
    one = command("conclude", contracting.decide)
    one.add_argument("contract", help=words("arg.contract"))
    one.add_argument("verb", choices=tuple(ContractVerb), type=ContractVerb, help=words("arg.verb"))
    one.add_argument("remark", nargs="*", help=words("arg.text"))
    one.add_argument("--on", help=words("arg.on"))
    one = command("receive", contracting.receive)
    one.add_argument("contract", help=words("arg.contract"))
    one.add_argument("amount", help=words("arg.amount"))
    one.add_argument("part", nargs="?", type=int, help=words("arg.part"))
    one.add_argument("--on", help=words("arg.on"))


def _serving(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about service cases."""
    command("cases", serving.cases)
    one = command("case", serving.note)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("subject", help=words("case"))
    one.add_argument("--severity", choices=CASE_SEVERITIES, help=words("severity"))
    one = command("serve", serving.decide)
    one.add_argument("case", help=words("arg.case"))
    one.add_argument("verb", choices=tuple(CaseVerb), type=CaseVerb, help=words("arg.verb"))
    one.add_argument("remark", nargs="*", help=words("arg.text"))


def _helping(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about requests for help."""
    command("requests", helping.requests)
    one = command("ask", helping.ask)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("subject", help=words("request"))
    one.add_argument("--resource", choices=RESOURCES, help=words("arg.resource"))
    one.add_argument("--on", help=words("arg.on"))
    one.add_argument("--briefing", help=words("arg.briefing"))
    one = command("request", helping.decide)
    one.add_argument("request", help=words("arg.request"))
    one.add_argument("verb", choices=tuple(HelpVerb), type=HelpVerb, help=words("arg.verb"))
    one.add_argument("remark", nargs="*", help=words("arg.text"))
    one.add_argument("--to", help=words("arg.to"))
    one.add_argument("--verdict", choices=VERDICTS, help=words("arg.verdict"))


def _customs(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about the company's own objects."""
    command("objects", customs.objects)
    one = command("records", customs.records)
    one.add_argument("customer", nargs="?", help=words("arg.customer"))
    one.add_argument("--object", help=words("arg.object"))
    one = command("record", customs.add)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("object", help=words("arg.object"))
    one.add_argument("title", help=words("title"))
    one.add_argument("fields", nargs="*", help=words("arg.fields"))
    one = command("amend", customs.amend)
    one.add_argument("record", help=words("arg.record"))
    one.add_argument("fields", nargs="+", help=words("arg.fields"))
    command("drop", customs.drop).add_argument("record", help=words("arg.record"))


def _registering(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about deal registrations."""
    command("wall", registering.registrations)
    command("register", registering.register).add_argument("customer", help=words("arg.customer"))
    one = command("registration", registering.decide)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("verb", choices=registering.VERBS, help=words("arg.verb"))
    one.add_argument("--kind", choices=("visit", "quote", "contract"), help=words("arg.evidence"))
    one.add_argument("--record", help=words("arg.evidence"))


def _promising(
    command: Callable[[str, actions.Action], argparse.ArgumentParser], words: Words
) -> None:
    """Add the commands about benefits that are promised without a network."""
    command("units", promising.units)
    one = command("lease", promising.lease)
    one.add_argument("program", help=words("arg.program_id"))
    one.add_argument("count", type=int, help=words("arg.units"))
    one = command("promise", promising.promise)
    one.add_argument("customer", help=words("arg.customer"))
    one.add_argument("--program", help=words("arg.program"))


class _Mixing(argparse.ArgumentParser):
    """Takes words behind options as well: `visit 福满楼 --out 谈了`.

    By itself the standard library's parser does not, where a command may also have no words.
    """

    prefix = ""
    """What stands before the usage."""
    _is_mixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read what was typed."""
        if self._is_mixed or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_mixed, self.usage = True, self.format_usage().removeprefix(self.prefix)
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixed, self.usage = False, None


def _parsers(words: Words) -> type[argparse.ArgumentParser]:
    """Answer a kind of parser whose own words are in the person's language."""

    class Formatter(argparse.RawDescriptionHelpFormatter):
        def add_usage(
            self,
            usage: str | None,
            actions: Iterable[argparse.Action],
            groups: Iterable[Any],
            prefix: str | None = None,
        ) -> None:
            prefix = words("usage") if prefix is None else prefix
            super().add_usage(usage, actions, groups, prefix)

        def _format_action(self, action: argparse.Action) -> str:
            # The commands stand under their title, without one more line that says "command".
            if action.nargs == argparse.PARSER:
                shown = self._iter_indented_subactions(action)
                return "".join(self._format_action(each) for each in shown)
            return super()._format_action(action)

        def start_section(self, heading: str | None) -> None:
            own = {"positional arguments": "arguments", "options": "options"}
            super().start_section(words(own[heading]) if heading in own else heading)

    class Parser(_Mixing):
        prefix = words("usage")

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options |= {"formatter_class": Formatter, "add_help": False}
            super().__init__(*arguments, **options)
            self.add_argument("-h", "--help", action="help", help=words("help.help"))

        def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
            is_named = names[0].startswith("-") or "metavar" in options or "choices" in options
            if not is_named:
                options["metavar"] = words(f"meta.{names[0]}")
            return super().add_argument(*names, **options)

        def error(self, message: str) -> NoReturn:
            self.print_usage(sys.stderr)
            why = _reason(words, message)
            self.exit(USAGE, words("error.usage", why=why, name=self.prog) + "\n")

    return Parser


if __name__ == "__main__":
    sys.exit(main())
