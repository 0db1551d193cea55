/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit verify: reads every byte that counts, and executes the rules again.
 *
 * 1. Every stored entry agrees with its checksum, with the second table and with its leaf hash.
 * 2. The runs of terms and the memberships are those of the entries; entry 1 is a membership.
 * 3. Every stored result is what the rules give, every `digest` entry too.
 * 4. The identity and vote files, where there are some, agree with their checksums.
 *
 * All this happens in a child: LMDB trusts its pages, and damage to those can end the process. The
 * parent then names the entry. */
#include "client/audit/audit.h"
#include "client/audit/digests.h"
#include "client/audit/replay.h"
#include "log/node_files.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct verification {
    struct kz_digests *digests;
    const struct kz_term_run *runs;
    const uint64_t *memberships;
    uint32_t runs_left;
    uint32_t memberships_left;
    uint64_t term;
};

static enum kz_status bad(struct kz_error *error, uint64_t index, const char *what)
{
    return kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " is bad: %s", index, what);
}

static enum kz_status check_step(void *context, const struct kz_replay_step *step,
                                 struct kz_error *error)
{
    struct verification *verification = context;
    if (verification->runs_left > 0 && verification->runs->first_index == step->index) {
        verification->term = verification->runs->term;
        verification->runs++;
        verification->runs_left--;
    }
    if (step->term != verification->term) {
        return bad(error, step->index, "its term differs from the table of terms");
    }
    bool is_membership = step->entry->type == KZ_MEMBERSHIP;
    if (step->index == 1 && !is_membership) {
        return bad(error, 1, "the first entry is not a membership");
    }
    bool is_listed =
        verification->memberships_left > 0 && *verification->memberships == step->index;
    if (is_membership != is_listed) {
        return bad(error, step->index, "the table of memberships differs");
    }
    if (is_listed) {
        verification->memberships++;
        verification->memberships_left--;
    }
    return kz_audit_digests_step(verification->digests, step, error);
}

static enum kz_status check_ledger(struct kz_log *log, uint64_t *done, struct kz_error *error)
{
    struct verification verification = {.digests = kz_digests_create(KZ_DIGEST_INTERVAL)};
    if (verification.digests == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory");
    verification.runs = kz_log_term_runs(log, &verification.runs_left);
    verification.memberships = kz_log_memberships(log, &verification.memberships_left);

    struct kz_machine *machine = NULL;
    struct kz_replay replay = {.log = log,
                               .to = kz_log_last_index(log),
                               .check_leaves = true,
                               .verb = "verified",
                               .on_step = check_step,
                               .context = &verification,
                               .done = done};
    enum kz_status status = kz_replay_run(&replay, &machine, error);
    kz_machine_destroy(machine);
    kz_digests_destroy(verification.digests);
    return status;
}

static enum kz_status check_files(const char *data, struct kz_error *error)
{
    struct kz_identity identity;
    struct kz_vote vote;
    enum kz_status status = kz_identity_read(data, &identity, error);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;
    status = kz_vote_read(data, &vote, error);
    return status == KZ_NOT_FOUND ? KZ_OK : status;
}

static int verify(const char *data, uint64_t *done)
{
    struct kz_error error = {.text = ""};
    struct kz_audit_directory directory;
    int exit_code = kz_audit_directory_open(data, KZ_LOG_READ_ONLY, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;

    uint64_t last = kz_log_last_index(directory.log);
    uint64_t applied = kz_log_applied_index(directory.log);
    enum kz_status status = check_ledger(directory.log, done, &error);
    if (status == KZ_OK) status = check_files(data, &error);
    if (status == KZ_OK) {
        (void)printf("%" PRIu64 " entries verified", last);
        if (applied < last) (void)printf(", those past %" PRIu64 " without a result", applied);
        (void)printf("\n");
    } else {
        exit_code = kz_report_error(&error);
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}

/* Returns: the exit code of the child that verifies, or what its end by a signal means. */
static int await(pid_t child, const uint64_t *done)
{
    int result = 0;
    while (waitpid(child, &result, 0) < 0) {
        if (errno == EINTR) continue;
        kz_report("cannot wait for the verification: %s", strerror(errno));
        return KZ_EXIT_FAILED;
    }
    if (WIFEXITED(result)) return WEXITSTATUS(result);
    int signal_number = WTERMSIG(result);
    if (signal_number != SIGSEGV && signal_number != SIGBUS && signal_number != SIGABRT) {
        kz_report("the verification was ended by signal %d", signal_number);
        return KZ_EXIT_FAILED;
    }
    kz_report("entry %" PRIu64 " can not be read: the pages of the ledger's file are damaged",
              *done + 1);
    return KZ_EXIT_NOT_VERIFIED;
}

int kz_audit_verify(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    const struct kz_option options[] = {{"--data", KZ_OPTION_TEXT, true, &data, 0, 0}};
    if (!kz_options_read(self, options, 1, count, arguments, &exit_code)) return exit_code;

    uint64_t *done =
        mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, as a parent may leave it, it lets nobody wait */
    pid_t child = done == MAP_FAILED ? -1 : fork();
    if (child < 0) {
        kz_report("cannot start the verification: %s", strerror(errno));
        return KZ_EXIT_FAILED;
    }
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        exit(kz_report_written(verify(data, done)));
    }
    return await(child, done);
}
