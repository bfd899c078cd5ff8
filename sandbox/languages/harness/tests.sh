# Runs a program, then its tests, in one shell. Descriptor 4 holds the tests and is closed to the program's own code.
exec 4<&0 </dev/null
exec 5>&3 3>&-
source ./solution.sh 4<&- 5>&-
# What the tests rely on must be the shell's own again: in POSIX mode the special built-ins go before functions.
POSIXLY_CORRECT=1
\unset -f unset exit trap source builtin command declare printf echo test '[' read exec local return true false || \exit 97
\unset POSIXLY_CORRECT
\source /dev/fd/4
