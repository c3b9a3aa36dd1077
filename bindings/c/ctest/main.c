//go:build ignore

/* The tests as a program: ctest misuse HOME | conformance socket|process. */
#include <stdio.h>
#include <string.h>

#include "ctest.h"

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "misuse") == 0)
		return misuse(argv[2]) != 0;
	if (argc == 3 && strcmp(argv[1], "conformance") == 0)
		return conformance(argv[2]);
	fputs("usage: ctest misuse HOME | conformance socket|process\n", stderr);
	return 2;
}
