# What came of it: a table for people, JUnit XML and a plain list for programs. Sourced by run.
# shellcheck shell=bash

# report WORK REPORT: status 0 only if every guest went through all of its suites and nothing failed.
report() {
  local work=$1 into=$2 guest results=$2/results.tsv
  mkdir -p "$into"
  : > "$results"
  for guest in client server; do
    [[ -d $work/$guest ]] || continue
    cat "$work/$guest/results.tsv" >> "$results" 2> /dev/null || true
    if ! grep -qP '^driver\tall suites were run\t' "$work/$guest/results.tsv" 2> /dev/null; then
      printf 'driver\tguest %s\t-\tFAILED\t0\tended before all its suites were run, see its console\n' "$guest" >> "$results"
    fi
  done
  junit "$results" > "$into/junit.xml"
  table "$results"
}

# Of each suite: seconds of the runs, cases that passed, and the verdict.
table() {
  awk -F '\t' '
    $1 == "driver" { if ($4 == "FAILED") { print "FAILED: " $2 ": " $6; bad = 1 } next }
    {
      if (!($1 in seen)) { order[++suites] = $1; seen[$1] = 1 }
      seconds[$1, $3] += $5
      ran[$1, $3] = 1
      cases[$1]++
      if ($4 == "ok") passed[$1]++
      else if ($4 == "FAILED") { failed[$1]++; failures++ }
      else { waits[$1] = $4; waiting++ }
    }
    function cell(suite, version) {
      return (suite, version) in ran ? sprintf("%.1f", seconds[suite, version]) : "-"
    }
    END {
      printf "\n%-22s %9s %9s %9s %9s  %s\n", "suite", "local s", "4.1 s", "4.2 s", "cases", "verdict"
      for (i = 1; i <= suites; i++) {
        s = order[i]
        verdict = failed[s] ? "FAILED (" failed[s] ")" : s in waits ? waits[s] : "ok"
        printf "%-22s %9s %9s %9s %9s  %s\n", s, cell(s, "local"), cell(s, "4.1"), cell(s, "4.2"), \
          (passed[s] + 0) "/" cases[s], verdict
        total += passed[s]
      }
      printf "%d cases passed, %d failed, %d wait\n", total, failures, waiting
      exit bad || failures || waiting || total == 0
    }' "$1"
}

junit() {
  awk -F '\t' '
    function escaped(text) {
      gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
      gsub(/"/, "\\&quot;", text); gsub(/[\001-\010\013-\037]/, "?", text)
      return text
    }
    {
      bad = $4 != "ok"; failures += bad
      body = body sprintf("  <testcase classname=\"linux.%s\" name=\"%s on %s\" time=\"%s\"", escaped($1), escaped($2), escaped($3), $5)
      body = body (bad ? sprintf(">\n    <failure message=\"%s\"/>\n  </testcase>\n", escaped($4 ": " $6)) : "/>\n")
    }
    END {
      print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
      printf "<testsuite name=\"linux-client\" tests=\"%d\" failures=\"%d\">\n%s</testsuite>\n", NR, failures, body
    }' "$1"
}
