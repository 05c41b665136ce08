#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure out of configure.ac and Makefile.am.
set -eu
cd "$(dirname "$0")"

need() { # COMMAND DEBIAN-PACKAGE
	command -v "$1" >/dev/null 2>&1 && return 0
	echo "autogen.sh: $1 is not installed: apt-get install $2" >&2
	exit 1
}
need autoreconf autoconf
need automake automake
need pkg-config pkg-config

exec autoreconf --force --install --warnings=all,no-obsolete "$@"
