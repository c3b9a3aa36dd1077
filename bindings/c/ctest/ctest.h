#ifndef P2PRC_CTEST_H
#define P2PRC_CTEST_H

/* Runs the conformance script, "socket" or "process"; 0 if it came to its end. */
int conformance(const char *way);

/* Misuses the library in every way, with a node in the home; the number of failures. */
int misuse(const char *home);

#endif
