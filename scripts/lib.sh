# shellcheck shell=bash
# lib.sh - what the scripts share: words to the user, packages, builds. Sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS
started_at=$(date +%s.%N) # for programs that go on from here
export PYTHONDONTWRITEBYTECODE=1 # the tree stays as it was cloned

say() {
	printf '[%3d s] %s\n' "$((SECONDS - started))" "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Passes on to the user, every five seconds, which line of a long job goes by.
show_some() {
	local line last=$SECONDS
	while IFS= read -r line; do
		if ((SECONDS - last >= 5)); then
			say "${line:0:100}"
			last=$SECONDS
		fi
	done
}

# The names in scripts/packages that are not installed.
packages_missing() {
	local want have
	want=$(sed 's/#.*//' "$top/scripts/packages" | tr -s ' \t' '\n' | sed '/^$/d' | sort -u)
	# shellcheck disable=SC2086 # one word a package; dpkg-query complains of unknown ones
	have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $want 2>/dev/null |
		sed -n 's/^installed //p' | sort -u) || true
	comm -23 <(printf '%s\n' "$want") <(printf '%s\n' "$have")
}

# Installs what is missing; asks no server when nothing is.
packages_install() {
	local missing
	missing=$(packages_missing)
	[[ -n $missing ]] || return 0
	[[ $(id -u) == 0 ]] || die "only root can install what is missing: ${missing//$'\n'/ }"
	say "installing ${missing//$'\n'/ }"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >"$top/build/apt.log" 2>&1 ||
		die "apt-get update failed, see build/apt.log: $(tail -n 3 "$top/build/apt.log")"
	apt_install "$missing" 2>&1 | tee -a "$top/build/apt.log" | show_some ||
		die "apt-get install failed, see build/apt.log: $(tail -n 3 "$top/build/apt.log")"
}

# A service that a package would start has no place on a test machine; the scripts start what they
# need in their own namespaces. In a subshell of its own, so that the policy goes in any case.
apt_install() (
	policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		trap 'rm -f "$policy"' EXIT
		trap 'rm -f "$policy"; exit 130' INT TERM HUP # bash 5.2 may skip EXIT here
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	# shellcheck disable=SC2086 # one word a package
	apt-get install -q -y --no-install-recommends $1
)

# build NAME [meson option]... [-- target...]: configures build/NAME once and brings it, or only the
# targets, up to date. Environment: CC, and WERROR=true to make warnings errors.
build() {
	local name=$1 dir=$top/build/$1 log=$top/build/$1.log options=()
	shift
	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	options+=("-Dwerror=${WERROR:-false}")
	if [[ ! -f $dir/build.ninja ]]; then
		meson setup "$dir" "$top" "${options[@]}" >"$log" 2>&1 ||
			{ tail -n 20 "$log" >&2; die "meson setup of build/$name failed, see $log"; }
	elif [[ -n ${WERROR:-} ]]; then
		meson configure "$dir" "-Dwerror=$WERROR" >"$log" 2>&1 || die "see $log"
	fi
	ninja -C "$dir" "${@:2}" 2>&1 | tee "$log" | show_some ||
		{ grep -E -m 40 'error|FAILED|undefined' "$log" >&2
		  die "build/$name does not build, see $log"; }
	grep -E -m 20 ':[0-9]+: warning:' "$log" || true
}

mkdir -p "$top/build"
