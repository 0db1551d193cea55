# SPDX-License-Identifier: Apache-2.0
# Everything from outside, found once. ARCHITECTURE.md says what each is for.

find_package(PkgConfig REQUIRED)
# Exactly the version whose structs and ownership rules node/core was written against: bookworm's
# own 0.15 commits entries of older terms by counting replicas and must never be used.
pkg_check_modules(raft REQUIRED IMPORTED_TARGET raft>=0.22.1)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(libxxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(inih REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
find_package(Threads REQUIRED)
