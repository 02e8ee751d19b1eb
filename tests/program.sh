# A solver that does what it is told: the wave of wave.py, in sh and awk. input.sh says x, y, relaxation and
# what it does; WAVE_LOG where every run is written down; at its line KILL_AT the run of locum is killed, or,
# where KILL says worker, the process that simulates.
parent() { awk '{ print $4 }' "/proc/$1/stat"; }
. ./input.sh
[ "$1" = --version ] && { echo "wave 1.0"; exit 0; }
if [ -n "$WAVE_LOG" ]; then
    echo "$x $y" >> "$WAVE_LOG"
    if [ "$(wc -l < "$WAVE_LOG")" = "$KILL_AT" ]; then
        echo "about to be killed"
        victim=$COMMAND_PID
        [ "$KILL" = worker ] && victim=$(parent $PPID)
        kill -9 "$victim"
        setsid sleep 600
    fi
fi
if [ "$does" = everything ]; then
    set -- tidy tidy tidy tidy leftover refuse diverge stall hang die nothing half grow nan full again
    shift "$(awk -v x="$x" 'BEGIN { print int(16 * x) }')"
    does=$1
fi
nodes=21 residual=1e-9
case $does in
    leftover) setsid sleep 600 & ;;
    refuse) echo "no licence left" >&2; exit 201 ;;
    diverge) echo "DIVERGED at step 3" ;;
    stall) residual=0.1 ;;
    hang) setsid sleep 600 & sleep 600 ;;
    die) kill -9 $$ ;;
    nothing) echo "residual = 1e-9"; exit 0 ;;
    grow) nodes=22 ;;
    full) ulimit -f 8; head -c 100000 /dev/zero > large.bin || exit $? ;;
    again) [ "$relaxation" = 1.0 ] && echo "DIVERGED at step 1" ;;
esac
awk -v x="$x" -v y="$y" -v n="$nodes" -v does="$does" 'BEGIN {
    pi = atan2(0, -1)
    print "x,height" > "wave.csv"
    for (i = 0; i < n; i++) {
        s = i / (n - 1)
        height = sin(pi * s * (1 + 0.3 * x)) / (2 + y)
        if (does == "half" && i == n - 2) { printf "%.17g,", s > "wave.csv"; exit }
        printf (does == "nan" && i == 3 ? "%.17g,nan\n" : "%.17g,%.17g\n"), s, height > "wave.csv"
    }
}'
echo "step 1 residual = 1.0"
echo "step 2 residual = $residual"
