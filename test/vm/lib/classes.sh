# Runs JUnit classes in a guest, under the host's JDK: what the guests of verbs and pmem have in common.
# Sourced by their run, after build.sh and guest.sh. WORK, VM_DIR, REPORT and SELKIE_CLASS_PATH are theirs.
# SELKIE_SEED, if set, is what tests draw from that print their seed.
# shellcheck shell=bash

say() {
  echo "vm: $*" >&2
}

step() {
  local name=$1 begin=$SECONDS
  shift
  "$@"
  [[ $((SECONDS - begin)) -lt 2 ]] || say "$name: $((SECONDS - begin)) s"
}

# begin_job NAME: makes the directory of the job, and sees to its removal; sets QEMU and GUEST_ARGUMENTS.
begin_job() {
  JOB=$1
  [[ -n ${SELKIE_CLASS_PATH-} ]] || fail 'SELKIE_CLASS_PATH is not set; see the head of this script'
  read -r -a QEMU < "$VM_DIR/qemu/program"
  WORK=$(mktemp -d "$VM_DIR/work.XXXXXX")
  EXPORT=$WORK
  export WORK EXPORT
  trap end_job EXIT
  rm -rf "$REPORT"
  mkdir -p "$WORK/$JOB/guest"
  JAVA_DIRECTORY=$(dirname "$(dirname "$(readlink -f "$JAVA")")")
  guest_arguments "$JAVA_DIRECTORY" "$WORK/$JOB"
}

end_job() {
  local status=$?
  [[ ! -s $WORK/$JOB/qemu.pid ]] || kill -KILL "$(< "$WORK/$JOB/qemu.pid")" 2> /dev/null || true
  mkdir -p "$REPORT"
  (cd "$WORK/$JOB" && cp -r console said qemu dmesg output status hs_err.log "$REPORT/" 2> /dev/null) || true
  rm -rf "$WORK"
  exit "$status"
}

# run_classes START TITLE RUNNER TEST ...: boots the guest with START as its second stage, runs the tests by
# the class RUNNER, and ends with their status.
run_classes() {
  local start=$1 title=$2 runner=$3
  shift 3
  stage_classes "$WORK/$JOB/selkie"
  cp "$start" "$WORK/$JOB/guest/start"
  cp "$HERE/lib/inside.sh" "$WORK/$JOB/guest/"
  echo "$JAVA_DIRECTORY" > "$WORK/$JOB/java"
  echo "$runner" > "$WORK/$JOB/runner"
  printf '%s\n' "$@" > "$WORK/$JOB/tests"
  [[ ${SELKIE_SEED-0} =~ ^-?[0-9]+$ ]] || fail "SELKIE_SEED is no number: $SELKIE_SEED"
  echo "${SELKIE_SEED+-Dselkie.seed=$SELKIE_SEED}" > "$WORK/$JOB/seed"
  step "$title" boot_guest "$JOB"
  say "$SECONDS s in all"
  exit "$(< "$WORK/$JOB/status")"
}

# Archives only: the JVM caches what it knows of archives, and classes come slowly from the host.
stage_classes() {
  local into=$1 entry number=0 archives='' classes service services
  classes=$(mktemp -d "$WORK/classes.XXXXXX")
  services=$(mktemp -d "$WORK/services.XXXXXX")
  mkdir -p "$into"
  local IFS=:
  for entry in $SELKIE_CLASS_PATH; do
    number=$((number + 1))
    if [[ -d $entry ]]; then
      cp -r "$entry/." "$classes/"
      # Each module has its own list of what it offers; in one archive they are one list.
      for service in "$entry"/META-INF/services/*; do
        [[ ! -e $service ]] || cat "$service" >> "$services/${service##*/}"
      done
    elif [[ -e $entry ]]; then
      cp "$entry" "$into/$number.jar"
      archives+=:/run/selkie/$number.jar
    fi
  done
  mkdir -p "$classes/META-INF/services"
  cp -r "$services/." "$classes/META-INF/services/"
  "$(dirname "$JAVA")/jar" --create --file "$into/selkie.jar" -C "$classes" .
  rm -rf "$classes" "$services"
  printf '%s\n' "/run/selkie/selkie.jar$archives" > "$into/classpath"
  cp "$SELKIE_ROOT/bin/jvm.options" "$into/"
}
