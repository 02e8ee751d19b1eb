# Steady heat conduction in a rod of unit length whose conductivity grows with temperature,
#
#     -(exp(g T) T')' = q  on (0, 1),   T(0) = 0,   T(1) = 1,
#
# by finite volumes and Picard iterations. Stands for any program with an input file and an output file: reads
# "name value" lines, writes its iterations to standard output and the solution to profile.csv.
#
#     awk -f rod.awk input.txt

BEGIN { if (ARGV[1] == "version") { print "rod 1.0"; exit } }

{ value[$1] = $2 }

END {
    if (!("source" in value)) exit
    n = value["cells"]; h = 1 / n; relaxation = value["relaxation"]
    for (i = 0; i <= n; i++) T[i] = i / n
    for (step = 1; step <= value["iterations"]; step++) {
        residual = iterate()
        printf "iteration %d residual %.6e\n", step, residual
        if (residual < 1e-9 || residual > 1e9) break
    }
    if (residual > 1e9) { print "DIVERGED"; exit 3 }
    print "x,temperature" > "profile.csv"
    for (i = 0; i <= n; i++) printf "%.12g,%.12g\n", i * h, T[i] > "profile.csv"
    if (residual < 1e-9) print "CONVERGED"
}

# One step: the linear system with the conductivity of the last temperatures, by elimination.
function iterate(    i, left, right, pivot, change, largest) {
    c[0] = 0; d[0] = 0
    for (i = 1; i < n; i++) {
        left = conductivity((T[i - 1] + T[i]) / 2)
        right = conductivity((T[i] + T[i + 1]) / 2)
        pivot = left + right - left * c[i - 1]
        c[i] = right / pivot
        d[i] = (value["source"] * h * h + left * d[i - 1]) / pivot
    }
    new[n] = 1
    largest = 0
    for (i = n - 1; i > 0; i--) {
        new[i] = c[i] * new[i + 1] + d[i]
        change = new[i] - T[i]
        T[i] += relaxation * change
        if (change < 0) change = -change
        if (change > largest) largest = change
    }
    return largest
}

function conductivity(t) { return exp(value["growth"] * t) }
