# SPDX-License-Identifier: Apache-2.0
# llhttp, the HTTP tokenizer: Debian 13 has a library (libllhttp-dev), Debian 12 the C sources (node-llhttp).
# Gives the target kz_llhttp.

include_guard(GLOBAL)
pkg_check_modules(llhttp QUIET IMPORTED_TARGET libllhttp)
if(llhttp_FOUND)
    add_library(kz_llhttp INTERFACE)
    target_link_libraries(kz_llhttp INTERFACE PkgConfig::llhttp)
else()
    find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
    find_path(LLHTTP_HEADERS llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH REQUIRED)
    add_library(kz_llhttp STATIC
        ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
    target_include_directories(kz_llhttp SYSTEM PUBLIC ${LLHTTP_HEADERS})
    target_compile_definitions(kz_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
    set_target_properties(kz_llhttp PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()
