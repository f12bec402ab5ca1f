"""How a broker logs: warnings, and every denial of the authorizer, to its standard output.

Log4j's own small logger (log4j-api's ``SimpleLogger``) does that with flags alone. Its core, which
Kafka ships with, takes a tenth of a second to set itself up: of a start, that is a tenth.
"""

from __future__ import annotations

_SIMPLE = "org.apache.logging.log4j.simplelog"

LOGGING = (
    "-Dlog4j2.loggerContextFactory=org.apache.logging.log4j.simple.SimpleLoggerContextFactory",
    f"-D{_SIMPLE}.level=WARN",
    f"-D{_SIMPLE}.StatusLogger.level=ERROR",
    # Every denial of the authorizer is logged at INFO: findings name the right that is missing.
    f"-D{_SIMPLE}.kafka.authorizer.logger.level=INFO",
    f"-D{_SIMPLE}.showlogname=true",
    f"-D{_SIMPLE}.showShortLogname=false",
    f"-D{_SIMPLE}.showdatetime=true",
    f"-D{_SIMPLE}.logFile=system.out",
)
"""Flags of the JVM, the same for both backends."""
