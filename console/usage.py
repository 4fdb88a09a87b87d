"""What is wrong with a typed command, in the language of who typed it.

click says it in English; its exceptions carry what is needed to say it again, two of them only in
their message. What a later click adds is told in its own words.
"""

import re

import click

from console.speech import Speech

EXTRA = re.compile(r"Got unexpected extra arguments? \((?P<words>.*)\)\.?", re.DOTALL)
FLAG = "does not take a value"
_NO_CONTEXT = click.Context(click.Command(None))  # no metavar of ours depends on one


def tell(speech: Speech, wrong: click.UsageError) -> None:
    """Write to stderr what is wrong and where to read more."""
    speech.tell(_said(speech, wrong))
    if wrong.ctx is not None and not isinstance(wrong, click.exceptions.NoArgsIsHelpError):
        speech.tell(speech("usage.more", command=wrong.ctx.command_path))


def _said(speech: Speech, wrong: click.UsageError) -> str:
    match wrong:
        case click.NoSuchOption():
            return speech("usage.no-option", name=wrong.option_name)
        case click.exceptions.NoSuchCommand():
            return speech("usage.no-command", name=wrong.command_name)
        case click.MissingParameter(param=click.Parameter() as param):
            return speech("usage.missing", name=_name(param))
        case click.BadParameter(param=click.Parameter() as param):
            return speech("usage.bad", name=_name(param), said=_expected(speech, param, wrong))
        case click.BadOptionUsage(option_name=name):
            key = "flag" if FLAG in wrong.message else "value"
            return speech(f"usage.{key}", name=name)
        case _ if extra := EXTRA.fullmatch(wrong.message):
            return speech("usage.extra", words=extra["words"])
        case _:
            return wrong.format_message()


def _expected(speech: Speech, param: click.Parameter, wrong: click.BadParameter) -> str:
    """Say what the parameter takes; in click's words where its type says nothing of that."""
    match param.type:
        case click.Choice(choices=choices):
            return speech("usage.choice", choices=", ".join(map(str, choices)))
        case click.DateTime():
            return speech("usage.day")
        case click.IntRange(min=low, max=high) if low is not None and high is not None:
            return speech("usage.range", low=low, high=high)
        case click.IntRange(min=low) if low is not None:
            return speech("usage.least", low=low)
        case click.types.IntParamType():
            return speech("usage.whole")
        case click.Path():
            return speech("usage.file")
        case _:
            return wrong.message


def _name(param: click.Parameter) -> str:
    """Return the name by which people know it: the option, or the place of an argument."""
    return param.opts[0] if isinstance(param, click.Option) else param.make_metavar(_NO_CONTEXT)
