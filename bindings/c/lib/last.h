#ifndef P2PRC_LAST_H
#define P2PRC_LAST_H

/* The words of the calling thread's last error; "" when it had none. */
void p2prc_last_set(const char *text);
const char *p2prc_last_get(void);

#endif
