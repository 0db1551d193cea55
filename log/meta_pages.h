/* SPDX-License-Identifier: Apache-2.0 */
/* The first two pages of an LMDB data file (format 1), checked before LMDB sees them: it trusts
 * them, and one flipped bit there takes back a whole transaction.
 *
 *   OFFSET SIZE FIELD           of each; page 1 begins at the page size
 *        0    8 page number
 *       10    2 flags of the page: 8, a meta page
 *       16    4 magic, 0xBEEFC0DE
 *       20    4 version, 1
 *       24    8 address of a fixed map: 0
 *       40    4 page size
 *       44    2 flags of the environment: 8
 *       46    2 depth of the tree of free pages; 80 8 its root, 2^64 − 1 for none
 *       92    2 flags of the tree of tables: 0
 *       94    2 depth of the tree of tables;    128 8 its root
 *      136    8 last page in use
 *      144    8 transaction
 *
 * Transactions take turns: t stands in page t mod 2, and the other page holds t − 1. */
#ifndef KZ_META_PAGES_H
#define KZ_META_PAGES_H

#include "statemachine/base/status.h"

/* PATH names the data file. Errors: KZ_MALFORMED (not of LMDB), KZ_CORRUPT, KZ_IO. */
enum kz_status kz_meta_pages_check(const char *path, struct kz_error *error);

#endif
