/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/log/fixture.h"

#include "log/twin_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static ino_t synced; /* what fsync() was last called for; 0: nothing */

int fsync(int file)
{
    struct stat state;
    assert_int_equal(fstat(file, &state), 0);
    synced = state.st_ino;
    return (int)syscall(SYS_fsync, file);
}

static size_t read_content(const char *name, uint8_t *out, size_t capacity)
{
    size_t size = 0;
    struct kz_error error;
    assert_int_equal(kz_twin_file_read(directory, name, out, capacity, &size, &error), KZ_OK);
    return size;
}

static struct kz_identity make_identity(uint8_t peer_count)
{
    struct kz_identity identity = {.id = 3, .peer_count = peer_count};
    memset(identity.cluster, 0xc1, KZ_ID_SIZE);
    memset(identity.incarnation, 0x1c, KZ_ID_SIZE);
    for (uint8_t i = 0; i < peer_count; i++) {
        identity.peers[i].id = (uint64_t)i + 1;
        memset(identity.peers[i].incarnation, i + 1, KZ_ID_SIZE);
    }
    return identity;
}

static void an_identity_is_read_as_written(void **state)
{
    (void)state;
    static const uint8_t counts[] = {0, 1, 2, KZ_MEMBERS_MAX};
    struct kz_error error;
    struct kz_identity found;
    assert_int_equal(kz_identity_read(directory, &found, &error), KZ_NOT_FOUND);
    for (size_t i = 0; i < sizeof counts; i++) {
        struct kz_identity identity = make_identity(counts[i]);
        assert_int_equal(kz_identity_write(directory, &identity, &error), KZ_OK);
        memset(&found, 0xff, sizeof found);
        assert_int_equal(kz_identity_read(directory, &found, &error), KZ_OK);
        assert_int_equal(found.id, identity.id);
        assert_memory_equal(found.cluster, identity.cluster, KZ_ID_SIZE);
        assert_memory_equal(found.incarnation, identity.incarnation, KZ_ID_SIZE);
        assert_int_equal(found.peer_count, identity.peer_count);
        for (uint8_t peer = 0; peer < found.peer_count; peer++) {
            assert_int_equal(found.peers[peer].id, identity.peers[peer].id);
            assert_memory_equal(found.peers[peer].incarnation, identity.peers[peer].incarnation,
                                KZ_ID_SIZE);
        }
    }
}

static void a_vote_is_read_as_written(void **state)
{
    (void)state;
    struct kz_error error;
    struct kz_vote found;
    assert_int_equal(kz_vote_read(directory, &found, &error), KZ_NOT_FOUND);
    struct kz_vote votes[] = {{1, 0}, {7, 3}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < sizeof votes / sizeof votes[0]; i++) {
        assert_int_equal(kz_vote_write(directory, &votes[i], &error), KZ_OK);
        assert_int_equal(kz_vote_read(directory, &found, &error), KZ_OK);
        assert_int_equal(found.term, votes[i].term);
        assert_int_equal(found.voted_for, votes[i].voted_for);
    }
}

/* The files' bytes are a format that later versions must read: log/FORMAT.md. */
static void the_contents_bytes_are_the_documented_ones(void **state)
{
    (void)state;
    static const uint8_t vote_expected[] = {
        'K', 'Z', 'V', 'O', 'T',  'E',  0,    0,    1,    0,    0,    0,    0, 0,
        0,   0,   7,   0,   0,    0,    0,    0,    0,    0,    3,    0,    0, 0,
        0,   0,   0,   0,   0x65, 0xe1, 0x25, 0x6e, 0x7c, 0x43, 0x4b, 0x97,
    };
    uint8_t bytes[1024];
    struct kz_error error;
    struct kz_vote vote = {7, 3};
    assert_int_equal(kz_vote_write(directory, &vote, &error), KZ_OK);
    assert_int_equal(read_content("vote", bytes, sizeof bytes), sizeof vote_expected);
    assert_memory_equal(bytes, vote_expected, sizeof vote_expected);

    struct kz_identity identity = make_identity(2);
    assert_int_equal(kz_identity_write(directory, &identity, &error), KZ_OK);
    assert_int_equal(read_content("identity", bytes, sizeof bytes), 64 + 2 * 24 + 8);
    assert_memory_equal(bytes, "KZIDENT\0\1\0\0\0\0\0\0\0\xc1", 17);
    assert_memory_equal(bytes + 32, "\3\0\0\0\0\0\0\0\x1c", 9);
    assert_memory_equal(bytes + 56, "\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 17);
}

static void every_changed_bit_of_a_file_is_found(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct kz_error error;
    struct kz_identity identity = make_identity(2);
    struct kz_vote vote = {7, 3};
    assert_int_equal(kz_identity_write(directory, &identity, &error), KZ_OK);
    size_t size = read_content("identity", bytes, sizeof bytes);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(kz_identity_decode(bytes, size, &identity), KZ_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(kz_identity_decode(bytes, cut, &identity), KZ_CORRUPT);
    }
    assert_int_equal(kz_vote_write(directory, &vote, &error), KZ_OK);
    size = read_content("vote", bytes, sizeof bytes);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(kz_vote_decode(bytes, size, &vote), KZ_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bytes[8] = 2;
    assert_int_equal(kz_vote_decode(bytes, size, &vote), KZ_NEWER);
}

static void a_directory_is_locked_by_one_process(void **state)
{
    (void)state;
    int lock = -1;
    int other = -1;
    char pid[32];
    struct kz_error error;
    assert_int_equal(kz_directory_lock(directory, false, &lock, &error), KZ_OK);
    assert_int_equal(kz_directory_lock(directory, false, &other, &error), KZ_LOCKED);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(error.text, pid));

    kz_directory_unlock(lock);
    pid_t child = fork();
    if (child == 0) {
        bool locked = kz_directory_lock(directory, false, &lock, &error) == KZ_OK;
        _exit(locked ? 0 : 1); /* the lock ends with its process */
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(kz_directory_lock(directory, false, &other, &error), KZ_OK);
    kz_directory_unlock(other);
}

static void a_directory_is_made_only_when_asked(void **state)
{
    (void)state;
    int lock = -1;
    char path[PATH_SIZE + 8];
    struct kz_error error;
    (void)snprintf(path, sizeof path, "%s/new", directory);
    assert_int_equal(kz_directory_lock(path, false, &lock, &error), KZ_NOT_FOUND);
    assert_int_equal(kz_directory_lock(path, true, &lock, &error), KZ_OK);
    kz_directory_unlock(lock);
    assert_int_equal(kz_directory_lock(path, false, &lock, &error), KZ_OK);
    kz_directory_unlock(lock);
}

/* Else all that the node made durable in it could go with it. */
static void a_directory_that_is_made_is_durable_in_its_parent(void **state)
{
    char path[PATH_SIZE + 16];
    int lock = -1;
    struct kz_error error;
    struct stat parent;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/new", directory);
    assert_int_equal(stat(directory, &parent), 0);
    synced = 0;
    assert_int_equal(kz_directory_lock(path, true, &lock, &error), KZ_OK);
    assert_int_equal(synced, parent.st_ino);
    kz_directory_unlock(lock);

    synced = 0;
    assert_int_equal(kz_directory_lock(path, true, &lock, &error), KZ_OK);
    assert_int_equal(synced, 0);
    kz_directory_unlock(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_identity_is_read_as_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vote_is_read_as_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_contents_bytes_are_the_documented_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_changed_bit_of_a_file_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_is_locked_by_one_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_is_made_only_when_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_made_is_durable_in_its_parent, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("node_files", tests, NULL, NULL);
}
