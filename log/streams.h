/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams of a program that opens ledgers. Where a parent left one closed, the next
 * file that is opened has its number, and a message that is written to the stream goes into that
 * file, which may be the ledger's. */
#ifndef KZ_STREAMS_H
#define KZ_STREAMS_H

/* Opens /dev/null for each of standard input, output and error that is closed. To be called before
 * anything else is opened. Ends the process with 1 when it can not. */
void kz_streams_hold(void);

#endif
