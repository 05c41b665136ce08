# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts of contrib share: telling what goes on, installing what is
# missing, building. It is sourced by bash and runs nothing by itself.

# What sudo would give: no python or compiler of the caller's own.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Where everything is built. Nothing is written into the source tree.
build=${FASTDP_BUILD_ROOT:-/var/tmp/fastdp-build-$(id -u)}

# Debian's names; the scripts that source this take what they need.
# shellcheck disable=SC2034
build_packages=(
	autoconf automake ca-certificates gcc libc6-dev libcap-ng-dev
	libcurl4-openssl-dev libev-dev
	libinih-dev libjansson-dev libmnl-dev libnftables-dev libnl-genl-3-dev
	libprotobuf-c-dev linux-libc-dev make pkg-config protobuf-c-compiler
)
# One host made of namespaces, and a kernel for it.
# shellcheck disable=SC2034
demo_packages=(
	iperf3 iproute2 iputils-ping kmod nftables procps python3
)
# shellcheck disable=SC2034
guest_packages=(user-mode-linux)
# shellcheck disable=SC2034
test_packages=(
	bash-completion buildah busybox-static clang clang-format clang-tidy
	containerd containernetworking-plugins
	cppcheck crun etcd-client etcd-server ethtool file
	iptables libclang-rt-14-dev libcmocka-dev llvm mandoc nftables
	openssl podman protobuf-compiler
	python3-protobuf python3-pyflakes runc strace
	python3-pyroute2 python3-pytest python3-scapy python3-yaml shellcheck
	tcpdump util-linux valgrind xz-utils
)

# make bench: what is measured beside us, and with what.
# shellcheck disable=SC2034
bench_packages=(
	containernetworking-plugins ethtool fastd iperf3 iproute2 iputils-ping qemu-system-x86 tinc
	util-linux
)

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' red='' plain=''
fi

# step TEXT: a headline
step() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# die MESSAGE [WHAT-TO-DO]
die() {
	printf '%s%s: %s%s\n' "$red" "${0##*/}" "$1" "$plain" >&2
	[ $# -lt 2 ] || printf '  %s\n' "$2" >&2
	exit 1
}

# need_root WHY
need_root() {
	[ "$(id -u)" -eq 0 ] ||
		die "root is needed $1" "run: sudo contrib/${0##*/}"
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed ]
}

install_packages() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# need_packages PACKAGE...: installs what is missing. With FASTDP_NO_INSTALL
# set it only says so and goes on, for systems that have them another way.
need_packages() {
	local package
	local -a missing=()

	if ! command -v dpkg-query >/dev/null; then
		echo "This is not Debian; what is needed has to be here already."
		return
	fi
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "missing: ${missing[*]}"
	[ -z "${FASTDP_NO_INSTALL:-}" ] || return 0
	need_root "to install them"
	mkdir -p "$build"
	# Lists of packages that are absent or stale are fetched again.
	if ! install_packages "${missing[@]}" >"$build/apt.log" 2>&1; then
		{ apt-get update -qq </dev/null &&
			install_packages "${missing[@]}"; } \
			>"$build/apt.log" 2>&1 || {
			tail -n 20 "$build/apt.log" >&2
			die "apt-get could not install them" \
				"the whole of it is in $build/apt.log"
		}
	fi
	echo "installed"
}

# lock_build: one script at a time builds in $build. Scripts that it calls may.
lock_build() {
	[ "${FASTDP_LOCKED:-}" != "$build" ] || return 0
	mkdir -p "$build"
	exec {lock_fd}>"$build/lock"
	flock -n "$lock_fd" ||
		die "another run is building in $build" \
			"wait for it, or set FASTDP_BUILD_ROOT to another directory"
	export FASTDP_LOCKED=$build
}

unlock_build() {
	[ -z "${lock_fd:-}" ] || exec {lock_fd}>&-
}

# The files of the tree, relative to it, without what builds in it have made.
list_source() {
	(cd "$top" && find . -regextype posix-extended \
		-regex '\./(\.git|autom4te.cache|build.*|sub-build|fastdp-[0-9].*)' \
		-prune -o \( -name __pycache__ -o -name .deps -o \
		-name .pytest_cache \) -prune -o \( -type f -o -type l \) \
		! -regex '\./(configure|aclocal.m4|config\..*|stamp-h1)' \
		! -regex '\./(fastdpd|fastdpctl|Makefile|Makefile.in)' \
		! -regex '\./tests/(unit|fuzz)/(test|fuzz)_[^./]*' \
		! -regex '.*(\.pb-c\.[ch]|\.[oa]|\.log|\.trs|/\.dirstamp)' \
		-print | LC_ALL=C sort)
}

# Copies the tree to $build/src and makes its configure. Times are kept, so
# that only what changed is built again.
copy_source() {
	local src=$build/src old=$build/files.old new=$build/files

	mkdir -p "$src"
	[ ! -f "$new" ] || mv "$new" "$old"
	list_source >"$new"
	tar cf - -C "$top" --no-recursion -T "$new" | tar xof - -C "$src"
	if [ -f "$old" ]; then
		comm -23 "$old" "$new" | (cd "$src" && xargs -r -d '\n' rm -f --)
	fi
	if ! [ -x "$src/configure" ] || ! [ -f "$src/Makefile.in" ] ||
		[ "$src/configure.ac" -nt "$src/configure" ]; then
		"$src/autogen.sh"
	fi
}

# build_in NAME [CONFIGURE-ARGUMENT...]: builds in $build/NAME; the copy has
# to be there. Configures again when the arguments or configure changed.
build_in() {
	local dir=$build/$1
	shift

	mkdir -p "$dir"
	if [ "$(cat "$dir/.arguments" 2>/dev/null)" != "$*" ] ||
		! [ -x "$dir/config.status" ] ||
		[ "$build/src/configure" -nt "$dir/config.status" ]; then
		rm -f "$dir/.arguments"
		(cd "$dir" && "$build/src/configure" --quiet "$@") || return
		echo "$*" >"$dir/.arguments"
	fi
	make -C "$dir" -j "$(nproc)" V="${V:-0}"
}

# True when the running kernel has what the daemon needs and we may use it;
# else tests/vm/run takes another kernel.
has_openvswitch() {
	"$top/tests/vm/run" --kernel host --timeout 10 -- true \
		>/dev/null 2>&1 </dev/null
}
