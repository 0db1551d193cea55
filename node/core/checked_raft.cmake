# SPDX-License-Identifier: Apache-2.0
# Debian builds libraft with every assert compiled out, so a broken contract corrupts silently. With
# KZ_RAFT_SOURCE, a directory with the unpacked source of Debian's package raft, everything links a
# core compiled from it instead, with asserts and with this build's sanitizers. Its header is the
# installed one: both have to be the same version.

set(KZ_RAFT_SOURCE "" CACHE PATH "Unpacked source of libraft, to be linked with its asserts on")
set(KZ_RAFT_TARGET PkgConfig::raft)

if(KZ_RAFT_SOURCE)
    set(checked_raft ${CMAKE_CURRENT_BINARY_DIR}/checked_raft)
    file(COPY ${KZ_RAFT_SOURCE}/src DESTINATION ${checked_raft})
    pkg_get_variable(raft_includes raft includedir)
    file(COPY ${raft_includes}/raft.h DESTINATION ${checked_raft}/include)
    set(checked_raft_sources
        byte.c client.c compress.c configuration.c convert.c election.c entry.c err.c heap.c
        legacy.c log.c membership.c message.c progress.c random.c raft.c recv.c
        recv_append_entries.c recv_append_entries_result.c recv_install_snapshot.c
        recv_request_vote.c recv_request_vote_result.c recv_timeout_now.c replication.c restore.c
        snapshot.c state.c syscall.c timeout.c tracing.c trail.c)
    list(TRANSFORM checked_raft_sources PREPEND ${checked_raft}/src/)
    add_library(kz_raft_checked STATIC ${checked_raft_sources})
    target_compile_definitions(kz_raft_checked PRIVATE _GNU_SOURCE)
    target_compile_options(kz_raft_checked PRIVATE -w)
    if(KZ_SANITIZE)
        target_compile_options(kz_raft_checked PRIVATE -fsanitize=${KZ_SANITIZE}
            -fno-omit-frame-pointer -fno-sanitize-recover=all)
    endif()
    if(KZ_FUZZ)
        target_compile_options(kz_raft_checked PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    target_include_directories(kz_raft_checked SYSTEM PUBLIC ${checked_raft}/include)
    set(KZ_RAFT_TARGET kz_raft_checked)
endif()
