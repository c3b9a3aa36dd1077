/* Generated from the list of kinds by bindings/gen; do not edit. */
#ifndef P2PRC_STATUS_H
#define P2PRC_STATUS_H

#define P2PRC_OK 0
#define P2PRC_INTERNAL 1
#define P2PRC_INVALID 2
#define P2PRC_USAGE 3
#define P2PRC_TASKS_FAILED 4
#define P2PRC_NOT_RUNNING 5
#define P2PRC_DENIED 6
#define P2PRC_NOT_FOUND 7
#define P2PRC_NOBODY_CAN 8
#define P2PRC_CONFLICT 9
#define P2PRC_TOO_LARGE 10
#define P2PRC_QUOTA 11
#define P2PRC_UNAVAILABLE 12
#define P2PRC_TIMEOUT 13
#define P2PRC_CORRUPT 14
#define P2PRC_UNSUPPORTED 15
#define P2PRC_LOST 16
#define P2PRC_WITHDRAWN 17
#define P2PRC_CANCELED 18

#endif
