# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What contrib/check runs. Each step prints into its log ($log), counts what it
# found (count, count_cases) and returns its status.
# shellcheck disable=SC2154 # check has set them

python=/usr/bin/python3

step_gcc() {
	CC=gcc build_in gcc --enable-werror && count 1 0 0
}

step_clang() {
	CC=clang build_in clang --enable-werror && count 1 0 0
}

step_sanitizers() {
	CC=gcc build_in sanitizers --enable-werror --enable-sanitizers &&
		count 1 0 0
}

# The address sanitizer needs more address space than User-mode Linux has: in
# the kernel for tests it is this build.
step_ubsan() {
	CC=gcc build_in ubsan --enable-werror --enable-sanitizers=undefined &&
		make -C "$build/ubsan" -j "$(nproc)" tests/unit/test_ovs_dp \
			tests/unit/test_ovs_flows tests/unit/test_upcall &&
		count 1 0 0
}

step_tsan() {
	CC=gcc build_in tsan --enable-werror --enable-tsan && count 1 0 0
}

# Seconds before the third try: what took the machine away may last a moment.
PAUSE_S=10

# Those of failed[] that are not in left[] have passed; left[] is the new
# failed[]. Both are sorted.
passed_in_try() { # TRY
	local -a passed
	mapfile -t passed < <(LC_ALL=C comm -23 \
		<(printf '%s\n' "${failed[@]}") <(printf '%s\n' "${left[@]}"))
	passed_later "$1" "${passed[@]}"
	failed=("${left[@]}")
}

# The logs of what failed since make check began in DIR.
failed_make_check() { # DIR
	find "$1" -name '*.trs' -newer "$1/.began" \
		-exec grep -lE '^:test-result: (FAIL|ERROR)' {} + |
		sed 's/\.trs$/.log/' | LC_ALL=C sort
}

make_check() { # BUILD [VARIABLE=VALUE...]
	local dir=$build/$1 status try
	local -a failed left
	shift
	touch "$dir/.began"
	sleep 0.01
	make -C "$dir" -j "$(nproc)" check "$@"
	status=$?
	mapfile -t failed < <(failed_make_check "$dir")
	# Tests with real time in them can starve beside a compiler.
	for try in 2 3; do
		[ $status != 0 ] && [ ${#failed[@]} -gt 0 ] || break
		[ $try = 2 ] || sleep $PAUSE_S
		tail -n 40 "${failed[@]}"
		echo "what failed is run again, alone:"
		make -C "$dir" -j 1 recheck "$@"
		status=$?
		mapfile -t left < <(failed_make_check "$dir")
		passed_in_try $try
	done
	count_make_check "$dir"
	[ ${#failed[@]} = 0 ] || tail -n 40 "${failed[@]}"
	return $status
}

step_unit() { make_check gcc; }
# What the compiler does not change is run once.
step_unit_clang() { make_check clang PYTHON_TESTS=; }
step_unit_sanitizers() {
	make_check sanitizers PYTHON_TESTS="tests/unit/test_cli.py \
		tests/unit/test_cli_attach.py"
}
step_unit_tsan() { make_check tsan PYTHON_TESTS=; }

in_kernel() { # SECONDS COMMAND...
	local limit=$1
	shift
	"$build/src/tests/vm/run" --timeout "$limit" --rw "$build" -- "$@"
}

# Does the kernel for tests keep its promises?
step_vm() {
	"$build/src/tests/vm/selftest"
	count_cases "$log" $?
	[ "$step_failed" = 0 ]
}

# What make check skipped for want of openvswitch, in a kernel that has it.
step_kernel_unit() {
	local dir program log status=0 rc try
	local -a programs=()

	[ ! -s "$build/gcc/.skipped" ] || for dir in gcc ubsan; do
		while read -r program; do
			programs+=("$build/$dir/${program#"$build"/gcc/}")
		done <"$build/gcc/.skipped"
	done
	if [ ${#programs[@]} = 0 ]; then
		echo "make check skipped nothing"
		return 0
	fi
	rm -f "${programs[@]/%/.vm-status}"
	# The guest's shell expands these.
	# shellcheck disable=SC2016
	in_kernel 900 sh -c 'for p; do
			cd "${p%/tests/*}" || exit 125
			for try in 1 2 3; do
				timeout 120 "$p" >"$p.vm-log" 2>&1
				rc=$?
				[ $rc != 0 ] || break
				tail -n 40 "$p.vm-log"
			done
			echo $rc $try >"$p.vm-status"
		done' sh "${programs[@]}" || status=$?
	for program in "${programs[@]}"; do
		log=$program.vm-log
		if ! read -r rc try 2>/dev/null <"$program.vm-status"; then
			echo "$program did not run"
			count 0 1 0
			status=1
			continue
		fi
		[ "$rc" != 0 ] || [ "$try" = 1 ] || passed_later "$try" "$program"
		echo "$program: exit status $rc"
		count_cases "$log" "$rc"
		if [ "$rc" != 0 ] || grep -q '^\[  SKIPPED \]' "$log"; then
			tail -n 40 "$log"
			status=1
		fi
	done
	return $status
}

lint_with() {
	make -C "$build/gcc" lint LINT_FLAGS="$1" && count 1 0 0
}
step_lint() { lint_with --fast; }
step_tidy() { lint_with ''; }

# What make install puts where, and that uninstall takes all of it away.
step_install() {
	local dest=$build/dest file status=0
	local -a expected=(
		usr/bin/fastdpctl usr/libexec/cni/fastdp usr/sbin/fastdpd
		usr/lib/systemd/system/fastdpd.service
		usr/share/bash-completion/completions/fastdpctl
		usr/share/doc/fastdp/10-fastdp.conflist
		usr/share/fastdp/kernels.json usr/share/fastdp/nic-features.json
		usr/share/doc/fastdp/LICENSE
		usr/share/doc/fastdp/fastdpd.conf
		usr/share/man/man5/fastdpd.conf.5 usr/share/man/man8/fastdp.8
		usr/share/man/man8/fastdpctl.8 usr/share/man/man8/fastdpd.8
	)

	rm -rf "$dest"
	CC=gcc build_in install --prefix=/usr --sysconfdir=/etc \
		--with-systemdsystemunitdir=/usr/lib/systemd/system &&
		make -C "$build/install" install DESTDIR="$dest" || return
	(cd "$dest" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) \
		>"$build/installed"
	if ! printf '%s\n' "${expected[@]}" | LC_ALL=C sort |
		diff - "$build/installed"; then
		echo "make install does not put what it should (<), or more (>)"
		status=1
	fi
	for file in usr/sbin/fastdpd usr/bin/fastdpctl; do
		"$dest/$file" --version || status=1
		check_hardening "$dest/$file" || status=1
	done
	grep -q '^ExecStart=/usr/sbin/fastdpd ' \
		"$dest/usr/lib/systemd/system/fastdpd.service" || {
		echo "the unit does not start what was installed"
		status=1
	}
	make -C "$build/install" uninstall DESTDIR="$dest" || status=1
	if [ -n "$(find "$dest" -type f)" ]; then
		echo "make uninstall leaves:" && find "$dest" -type f
		status=1
	fi
	[ $status != 0 ] || count 1 0 0
	return $status
}

check_hardening() { # PROGRAM
	local headers
	headers=$(readelf -hldW "$1") || return
	grep -q 'Type:.*DYN' <<<"$headers" &&
		grep -q 'GNU_RELRO' <<<"$headers" &&
		grep -Eq 'FLAGS.*(NOW|BIND_NOW)' <<<"$headers" || {
		echo "$1 is not a position independent program with RELRO"
		return 1
	}
}

step_distcheck() {
	make -C "$build/gcc" distcheck && count 1 0 0
}

# Two at once, for each has one processor.
step_fuzz() {
	local seconds=6 status=0 fuzzer file
	local -a fuzzers
	[ $long = no ] || seconds=60
	CC=clang build_in fuzz --enable-fuzz || return
	read -r -a fuzzers < <(make -s -C "$build/fuzz" list-fuzzers)
	rm -f "$build"/fuzz/*.fuzz-log "$build"/fuzz/*.fuzz-ok
	printf '%s\n' "${fuzzers[@]}" | xargs -P 2 -I @ sh -c '
		make -C "$1" fuzz-run FUZZERS=@ FUZZ_TIME="$2" \
			>"$1/$(basename @).fuzz-log" 2>&1 &&
			: >"$1/$(basename @).fuzz-ok"' \
		sh "$build/fuzz" $seconds
	for fuzzer in "${fuzzers[@]}"; do
		file=$build/fuzz/${fuzzer##*/}
		cat "$file.fuzz-log"
		if [ -e "$file.fuzz-ok" ]; then
			count 1 0 0
		else
			echo "$fuzzer failed"
			count 0 1 0
			status=1
		fi
	done
	[ $((step_passed + step_failed)) -gt 0 ] || {
		echo "there is no fuzzer"
		return 1
	}
	return $status
}

# All scenarios with few hosts, and random histories of twenty.
step_sim() {
	local jobs n_small=200 n_large=200 status=0 flags
	jobs=$(nproc)
	[ $long = no ] || { n_small=2000 && n_large=1000; }
	for flags in "--seeds $n_small" \
		"--scenario churn --hosts 20 --steps 60 --seeds $n_large"; do
		if make -C "$build/gcc" sim \
			SIM_FLAGS="--jobs $jobs $flags"; then
			count 1 0 0
		else
			count 0 1 0
			status=1
		fi
	done
	return $status
}

# Prints the command for tests with the daemons of BUILD, a word a line.
pytest_of() { # BUILD ARGUMENT...
	local dir=$build/$1 flag=0
	shift
	[ $long = no ] || flag=1
	printf '%s\n' env FASTDP_BUILD="$dir" FASTDP_REQUIRE=1 \
		FASTDP_LONG="$flag" "$python" -m pytest -p no:cacheprovider "$@"
}

run_pytest() { # BUILD SECONDS ARGUMENT...
	local limit=$2
	local -a command
	mapfile -t command < <(pytest_of "$1" "${@:3}")

	if [ "${here:-no}" = yes ]; then
		(cd "$build/src" && timeout "$limit" "${command[@]}")
	else
		(cd "$build/src" && in_kernel "$limit" "${command[@]}")
	fi
}

# The tests that failed, as pytest names them in LOG.
failed_pytest() { # LOG
	sed -nE 's/^(FAILED|ERROR) (tests.*)/\2/p' "$1" | sed 's/ - .*//' |
		LC_ALL=C sort -u
}

# What failed in LOG is run up to twice more, by itself and in a fresh kernel
# (on the running one after a pause), whose processor it shares with nobody. A
# test that fails three times has failed; one that does not is named. STATUS is
# pytest's: any but 1 says that it did not come to its end.
again() { # STATUS BUILD SECONDS LOG
	local -a failed=() left=()
	local status=$1 try n n_failed
	local -r log=$4

	mapfile -t failed < <(failed_pytest "$log")
	n=${#failed[@]}
	[ "$status" = 1 ] && [ "$n" -gt 0 ] && [ "$n" -le 40 ] || return "$status"
	read -r _ n_failed _ < <(cases "$log" 1)
	for try in 2 3; do
		[ $try = 2 ] || sleep $PAUSE_S
		printf 'failed, run again: %s\n' "${failed[@]}"
		status=0
		run_pytest "$2" "$3" "${failed[@]}" >"$log.try$try" 2>&1 \
			</dev/null || status=$?
		[ $status = 0 ] || tail -n 60 "$log.try$try"
		[ $status -le 1 ] || return $status
		mapfile -t left < <(failed_pytest "$log.try$try")
		passed_in_try $try
		if [ $status = 0 ]; then
			# Of one test the fixture may have failed, too.
			count "$n" -"$n_failed" 0
			return 0
		fi
	done
	return $status
}

# Hosts without openvswitch.ko, on the running kernel: all hosts of a test are
# such ones. In the kernel for tests one of them is among others.
step_bridge() {
	local here=yes status=0 rc=0
	local -x FASTDP_TEST_DATAPATH=bridge

	run_pytest gcc 1200 tests/net -m "running_kernel or any_datapath" ||
		status=$?
	# Input that means ill. One of those tests restarts a daemon and wants
	# no packet lost: here it carries them.
	run_pytest gcc 900 tests/net/test_hostile.py \
		tests/net/test_hostile_local.py \
		-k "not many_connections_without_a_hello and not conf and not mixed" ||
		rc=$?
	[ $rc -le $status ] || status=$rc
	count_cases "$log" $status
	[ $status = 0 ] || again $status gcc 600 "$log"
}

# The plugin with real daemons, on the datapath that this kernel has; addresses
# of the daemon's own, declared and from an etcd.
step_cni() {
	local here=yes status=0

	run_pytest gcc 900 tests/cni/test_cni_ipam.py \
		tests/cni/test_cni_etcd.py tests/cni/test_cni_real.py \
		tests/cni/test_cni_storm.py || status=$?
	count_cases "$log" $status
	[ $status = 0 ] || again $status gcc 600 "$log"
}

# podman, buildah and containerd drive it, on the running kernel.
step_clients() {
	local here=yes status=0

	run_pytest gcc 600 tests/cni/test_cni_podman.py \
		tests/cni/test_cni_containerd.py || status=$?
	count_cases "$log" $status
	[ $status = 0 ] || again $status gcc 600 "$log"
}

# The files of tests for the kernel, the one that took longest the last time
# first: "SECONDS BUILD FILE". Input that means ill goes to the build with a
# sanitizer.
net_jobs() {
	local file what
	for file in tests/net/test_*.py; do
		# The step bridge has run all of it.
		! grep -q '^pytestmark = pytest.mark.running_kernel' "$file" ||
			continue
		what=gcc
		case $file in
		*/test_hostile*.py | */test_refusal.py) what=ubsan ;;
		esac
		# Of one that never ran, what files of its size take.
		printf '%s %s %s\n' "$(cat "$logs/${file//\//-}.seconds" \
			2>/dev/null || echo $(($(wc -l <"$file") / 5)))" \
			$what "$file"
	done | LC_ALL=C sort -k1,1nr -k3
}

# Two kernels at once, for each has one processor. Each takes the next file
# that the other one has not taken: who makes the directory first has it.
step_net() {
	local work=$build/net limit=2400 status=0 what file job rc seconds i
	[ $long = no ] || limit=7200

	rm -rf "$work"
	mkdir -p "$work"
	while read -r _ what file; do
		job=$work/${file//\//-}
		pytest_of $what "$file" >"$job.command"
		echo "$what $job $file" >>"$work/jobs"
	done < <(net_jobs)
	for i in 1 2; do
		(trap - INT && cd "$build/src" &&
			in_kernel $limit contrib/take-jobs \
			"$work/jobs") >"$work/guest$i.log" 2>&1 </dev/null &
	done
	wait
	while read -r what job file; do
		if ! read -r rc seconds 2>/dev/null <"$job.status"; then
			echo "$file did not end"
			tail -n 20 "$work"/guest?.log
			count 0 1 0
			status=1
			continue
		fi
		echo "$seconds" >"$logs/${file//\//-}.seconds"
		count_cases "$job.log" "$rc"
		echo "$file ($what): $(tail -n 1 "$job.log")"
		[ "$rc" != 0 ] || continue
		tail -n 60 "$job.log"
		again "$rc" "$what" 900 "$job.log" || status=1
	done <"$work/jobs"
	return $status
}

# Each system call of a daemon fails; by default a part of them.
fault_tests() { # SECONDS
	local limit=$1 status=0
	[ $long = no ] || limit=7200
	run_pytest gcc $limit tests/fault || status=$?
	count_cases "$log" $status
	[ $status = 0 ] || again $status gcc $limit "$log"
}

step_fault() {
	fault_tests 900
}

# The same on hosts without openvswitch.ko, where the running kernel serves.
step_fault_bridge() {
	local here=yes
	local -x FASTDP_TEST_DATAPATH=bridge
	fault_tests 600
}

# The compiler's own analyzer, of what is not generated. It does not know lists
# that own what is in them, nor outputs that are set when 0 is returned: leaks
# and what is not initialised are for valgrind and the sanitizers.
step_analyzer() {
	local file flags out status=0
	flags=$(pkg-config --cflags libmnl libnl-genl-3.0 libprotobuf-c jansson)
	for file in "$build"/src/src/*/*.c; do
		# Word splitting is wanted: these are lists of flags.
		# shellcheck disable=SC2086
		out=$(gcc -std=gnu17 -D_GNU_SOURCE -DHAVE_CONFIG_H -O1 \
			-DSAMPLE_DIR='""' \
			-I"$build/gcc" -I"$build/gcc/src" \
			-I"$build/gcc/src/control" -I"$build/src/src" $flags \
			-fanalyzer -Wno-analyzer-malloc-leak \
			-Wno-analyzer-use-of-uninitialized-value \
			-Werror -c -o /dev/null "$file" 2>&1) ||
			status=1
		[ -z "$out" ] || echo "$out"
	done
	[ $status != 0 ] || count 1 0 0
	return $status
}

# The unit tests once more, with each access looked at.
step_valgrind() {
	local program status=0
	make -C "$build/gcc" -j "$(nproc)" check TESTS= >/dev/null || return
	for program in "$build"/gcc/tests/unit/test_*; do
		[ -x "$program" ] && [ ! -d "$program" ] || continue
		case $program in
		*.*) continue ;;
		# For valgrind each call that receives takes 10 ms: too little
		# comes in for a flood. The sanitizers look at this one.
		*/test_sleeve_shield) continue ;;
		esac
		echo "== $program"
		(cd "$build/gcc" && FASTDP_SRCDIR="$build/src" timeout 900 \
			valgrind -q --error-exitcode=9 --leak-check=full \
			--fair-sched=try \
			--suppressions="$build/src/tests/net/valgrind.supp" \
			--errors-for-leak-kinds=definite "$program")
		case $? in
		0) count 1 0 0 ;;
		# It wants a kernel that has openvswitch: kernel-unit has run it.
		77) echo "$program: not on this kernel" ;;
		*)
			echo "$program failed"
			count 0 1 0
			status=1
			;;
		esac
	done
	[ $((step_passed + step_failed)) -gt 0 ] || {
		echo "there is no unit test"
		return 1
	}
	return $status
}

# src/core must reach what contrib/coverage asks of it.
step_coverage() {
	CC=gcc build_in coverage --enable-coverage || return
	find "$build/coverage" -name '*.gcda' -delete
	make -C "$build/coverage" -j "$(nproc)" check PYTHON_TESTS= || return
	make -C "$build/coverage" sim SIM_FLAGS='--seeds 20' || return
	(cd "$build/coverage" && "$build/src/contrib/coverage" --least 95 90) &&
		count 1 0 0
}

# Ten minutes of churn; every packet is accounted for.
step_endure() {
	local status=0
	run_pytest gcc 1200 tests/endure -s --seconds 600 || status=$?
	count_cases "$log" $status
	return $status
}

# Faults planted in the core: somebody must find each.
step_mutants() {
	TMPDIR=$build "$build/src/tests/mutants/run" --fuzz 5 && count 1 0 0
}

step_quickstart() {
	local left status=0
	contrib/quickstart --no-install || status=$?
	left=$(ls -d /run/fastdp-quickstart \
		/run/netns/fastdp-{host1,host2,a,b,c,d} 2>/dev/null)
	left+=$(pgrep -af 'fastdpd .*/run/fastdp-quickstart')
	if [ -n "$left" ]; then
		echo "it leaves behind: $left"
		status=1
	fi
	[ $status != 0 ] || count 1 0 0
	return $status
}
