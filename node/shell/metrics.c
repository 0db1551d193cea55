/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/metrics.h"

#include <inttypes.h>

enum role { ROLE_FOLLOWER, ROLE_CANDIDATE, ROLE_LEADER, ROLE_STARTING, ROLE_HALTED };

static void write_damage(const struct kz_core_figures *core, FILE *out)
{
    if (core->damaged_index == 0) return;
    fprintf(out,
            "damaged: entry %" PRIu64 " can not be read on this node's disk, and is asked for from "
            "the other nodes\n",
            core->damaged_index);
}

bool kz_metrics_write_ready(const struct kz_node_figures *figures, FILE *out)
{
    const struct kz_core_figures *core = &figures->core;

    if (figures->is_stopping) {
        fputs("stopping: leadership is handed over and what is in flight is finished\n", out);
        return false;
    }
    if (core->ready) {
        fprintf(out,
                "ready: node %" PRIu64 " is at entry %" PRIu64 ", the leader is node %" PRIu64 "\n",
                figures->id, core->applied_index, core->leader);
        write_damage(core, out);
        return true;
    }
    if (core->joining) {
        fprintf(out,
                "joining: node %" PRIu64 " waits to be added to the cluster (kezek member add)\n",
                figures->id);
    } else if (core->role == ROLE_STARTING) {
        fprintf(out, "starting: entry %" PRIu64 " of %" PRIu64 " is applied\n", core->applied_index,
                core->replay_target);
    } else if (core->leader == 0) {
        fputs("no leader: a majority of the nodes does not answer, or an election is going on\n",
              out);
    } else {
        fprintf(out,
                "behind: entry %" PRIu64 " of %" PRIu64 " is applied; the leader is node %" PRIu64
                "\n",
                core->applied_index, core->commit_index, core->leader);
    }
    write_damage(core, out);
    return false;
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "gauge", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void histogram(FILE *out, const char *name, const char *help,
                      const struct kz_histogram *values)
{
    uint64_t count = 0;

    head(out, name, "histogram", help);
    for (unsigned i = 0; i < KZ_HISTOGRAM_COUNT; i++) {
        count += values->counts[i];
        fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, kz_histogram_bounds_us[i] / 1e6,
                count);
    }
    count += values->counts[KZ_HISTOGRAM_COUNT];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    fprintf(out, "%s_sum %.9f\n%s_count %" PRIu64 "\n", name, (double)values->sum_ns / 1e9, name,
            count);
}

static void write_raft(const struct kz_core_figures *core, FILE *out)
{
    static const char *const roles[] = {"follower", "candidate", "leader", "starting", "halted"};

    head(out, "kezek_role", "gauge", "What the node is: 1 for its role, 0 for the others.");
    for (unsigned i = 0; i < sizeof roles / sizeof roles[0]; i++)
        fprintf(out, "kezek_role{role=\"%s\"} %d\n", roles[i], core->role == i);
    gauge(out, "kezek_ready", "Whether the node serves linearizable reads and knows a leader.",
          core->ready);
    gauge(out, "kezek_leader_id", "The leader's number, 0 when none is known.", core->leader);
    gauge(out, "kezek_term", "The current term.", core->term);
    gauge(out, "kezek_last_index", "The last entry of the ledger here.", core->last_index);
    gauge(out, "kezek_stored_index", "The last entry that is durable here.", core->stored_index);
    gauge(out, "kezek_commit_index", "The last entry known to be durable on a majority.",
          core->commit_index);
    gauge(out, "kezek_applied_index", "The last entry that the rules were applied to.",
          core->applied_index);
    head(out, "kezek_members", "gauge", "Members of the cluster, as the node knows them.");
    fprintf(out, "kezek_members{role=\"voter\"} %" PRIu64 "\n", core->voters);
    fprintf(out, "kezek_members{role=\"standby\"} %" PRIu64 "\n", core->standbys);
    gauge(out, "kezek_digest_at_index", "The last entry whose digest is agreed on, as an entry.",
          core->digest_at);
    gauge(out, "kezek_digests_due", "Entries that may have a digest entry and have none yet.",
          core->digests_due);
    gauge(out, "kezek_digest_differs",
          "Nodes that last reported another state than this one has: look at them at once.",
          core->digest_differs);
    gauge(out, "kezek_rules_version", "The version of the rules that holds.", core->rules);
    gauge(out, "kezek_rules_version_known", "The newest version of the rules that this node knows.",
          core->rules_known);
    counter(out, "kezek_elections_total", "Elections that this node began.", core->elections);
    gauge(out, "kezek_clock_trusted",
          "Leader only: whether a majority of the nodes agrees with its clock.",
          core->clock_trusted);
    gauge(out, "kezek_disk_full", "Whether commands are refused until there is room on the disk.",
          core->disk_full);
    gauge(out, "kezek_ledger_large",
          "Whether the ledger has 2^31 entries or more; near 2^32 it takes no more.",
          core->ledger_large);
    head(out, "kezek_ledger_time_seconds", "gauge", "Time of the last applied entry.");
    fprintf(out, "kezek_ledger_time_seconds %.3f\n", (double)core->ledger_time / 1000);
}

static void write_requests(const struct kz_core_figures *core, FILE *out)
{
    counter(out, "kezek_submits_total", "SUBMIT messages of clients.", core->submits);
    counter(out, "kezek_proposals_total", "Entries that this node proposed as leader.",
            core->proposals);
    counter(out, "kezek_answers_total", "Commands answered.", core->answers);
    counter(out, "kezek_reads_total", "Queries answered.", core->reads);
    counter(out, "kezek_confirm_rounds_total", "Rounds that confirmed leadership for reads.",
            core->confirm_rounds);
    counter(out, "kezek_refused_without_entry_total",
            "Commands refused without appending an entry.", core->refused_without_entry);
    gauge(out, "kezek_watchers", "Clients that are sent the applied entries.", core->watchers);
    gauge(out, "kezek_pending_commands", "Commands in flight.", core->pending_commands);
    gauge(out, "kezek_pending_reads", "Reads that wait for a confirmation.", core->pending_reads);
}

static void write_machine(const struct kz_machine_figures *machine, FILE *out)
{
    gauge(out, "kezek_applications", "Applications ever accepted.", machine->applications);
    gauge(out, "kezek_applications_waiting", "Applications that wait.", machine->waiting);
    gauge(out, "kezek_requests_remembered", "Request ids that are remembered.", machine->requests);
    gauge(out, "kezek_machine_bytes", "Memory of the state machine.", machine->bytes);
}

static void write_links(const struct kz_sockets_figures *sockets, FILE *out)
{
    static const char *const kinds[KZ_SOCKET_KINDS] = {"client", "peer", "dialed"};

    head(out, "kezek_connections", "gauge", "Open connections.");
    for (unsigned i = 0; i < KZ_SOCKET_KINDS; i++)
        fprintf(out, "kezek_connections{kind=\"%s\"} %" PRIu32 "\n", kinds[i], sockets->open[i]);
    head(out, "kezek_connections_opened_total", "counter", "Connections that were ever open.");
    for (unsigned i = 0; i < KZ_SOCKET_KINDS; i++) {
        fprintf(out, "kezek_connections_opened_total{kind=\"%s\"} %" PRIu64 "\n", kinds[i],
                sockets->accepted[i]);
    }
    counter(out, "kezek_connections_refused_total", "Connections refused over a bound.",
            sockets->refused);
    counter(out, "kezek_connections_timed_out_total",
            "Connections closed for a handshake, message or reader that was too slow, or idle.",
            sockets->timed_out);
    counter(out, "kezek_bad_frames_total", "Connections that fell out of step.",
            sockets->bad_frames);
    counter(out, "kezek_frames_received_total", "Messages received.", sockets->frames);
    counter(out, "kezek_received_bytes_total", "Bytes received.", sockets->bytes_in);
    counter(out, "kezek_sent_bytes_total", "Bytes sent.", sockets->bytes_out);
    counter(out, "kezek_queued_writes_total", "Sends that the socket had no room for at once.",
            sockets->queued_writes);
    gauge(out, "kezek_client_queued_bytes", "Bytes that wait for clients to read.",
          sockets->client_queued_bytes);
}

static void write_disk(const struct kz_node_figures *figures, FILE *out)
{
    const struct kz_writer_figures *writer = &figures->writer;

    histogram(out, "kezek_append_seconds",
              "Duration of the ledger's transactions, the disk's confirmation included.",
              &writer->append);
    counter(out, "kezek_append_failures_total", "Transactions that failed.", writer->failures);
    counter(out, "kezek_appended_entries_total", "Entries made durable here.", writer->entries);
    counter(out, "kezek_appended_bytes_total", "Bytes of these entries.", writer->bytes);
    counter(out, "kezek_fsyncs_total", "fdatasync calls of the ledger.", writer->syncs);
    gauge(out, "kezek_ledger_bytes", "Bytes of the ledger's file in use.", writer->used_bytes);
    gauge(out, "kezek_ledger_held_bytes",
          "Bytes of the ledger's file that could be used again if another process did not read it.",
          figures->readers.held_bytes);
    counter(out, "kezek_dead_readers_total",
            "Readers of the ledger's file that ended without saying so, and were cleared.",
            figures->readers.cleared);
    histogram(out, "kezek_vote_seconds",
              "Duration of writing term and vote, the disk's confirmation included.",
              &figures->syncs.votes);
    counter(out, "kezek_slow_syncs_total",
            "Writes that the disk confirmed only after half the election timeout or more.",
            figures->syncs.slow);
    gauge(out, "kezek_writes_waiting", "Writes that the disk's thread has not done yet.",
          writer->waiting);
    counter(out, "kezek_loads_total", "Reads of entries from the ledger.", figures->loads);
    counter(out, "kezek_load_failures_total", "Reads that failed.", figures->load_failures);
}

static void write_damage_figures(const struct kz_core_figures *core, FILE *out)
{
    gauge(out, "kezek_damaged_index",
          "An entry that is damaged on this disk and not repaired yet, 0 for none.",
          core->damaged_index);
    counter(out, "kezek_damaged_entries_total", "Entries found damaged.", core->damaged);
    counter(out, "kezek_repaired_entries_total", "Entries repaired.", core->repaired);
    gauge(out, "kezek_scrubbed_index", "How far the scrub has read the ledger.",
          core->scrubbed_index);
    counter(out, "kezek_scrub_passes_total", "Times that the scrub has read the whole ledger.",
            core->scrub_passes);
    head(out, "kezek_scrub_last_pass_seconds", "gauge",
         "When the scrub last reached the ledger's end, by this node's clock; 0 for not yet.");
    fprintf(out, "kezek_scrub_last_pass_seconds %.3f\n", (double)core->scrub_last_ms / 1000);
}

static void write_image(const struct kz_node_figures *figures, FILE *out)
{
    const struct kz_saver_figures *image = &figures->image;

    gauge(out, "kezek_image_index", "The last entry of the newest image of the state, 0: none.",
          figures->core.image_index);
    gauge(out, "kezek_image_bytes", "Its size.", image->bytes);
    head(out, "kezek_image_time_seconds", "gauge", "When it was saved.");
    fprintf(out, "kezek_image_time_seconds %.3f\n", image->saved_time_seconds);
    counter(out, "kezek_images_saved_total", "Images saved.", image->saved);
    counter(out, "kezek_image_failures_total", "Images that could not be saved.", image->failures);
    head(out, "kezek_image_fork_seconds", "gauge",
         "How long the node stood still for the last image's fork.");
    fprintf(out, "kezek_image_fork_seconds %.6f\n", (double)image->fork_ns / 1e9);
    head(out, "kezek_image_open_seconds", "gauge",
         "How long the start took to open an image, or to find none.");
    fprintf(out, "kezek_image_open_seconds %.6f\n", figures->image_open_seconds);
}

static void write_process(const struct kz_node_figures *figures, FILE *out)
{
    histogram(out, "kezek_step_seconds", "Duration of the core's steps.", &figures->steps);
    counter(out, "kezek_events_total", "Events that the core was given.", figures->events);
    head(out, "kezek_thread_cpu_seconds_total", "counter", "CPU time by thread.");
    fprintf(out, "kezek_thread_cpu_seconds_total{thread=\"loop\"} %.6f\n",
            figures->loop_cpu_seconds);
    fprintf(out, "kezek_thread_cpu_seconds_total{thread=\"writer\"} %.6f\n",
            figures->writer_cpu_seconds);
    fprintf(out, "kezek_thread_cpu_seconds_total{thread=\"loader\"} %.6f\n",
            figures->loader_cpu_seconds);
    head(out, "process_cpu_seconds_total", "counter", "CPU time of the process.");
    fprintf(out, "process_cpu_seconds_total %.6f\n", figures->process_cpu_seconds);
    gauge(out, "process_resident_memory_bytes", "Memory of the process.", figures->resident_bytes);
    head(out, "process_start_time_seconds", "gauge", "When the process started.");
    fprintf(out, "process_start_time_seconds %.3f\n", figures->start_time_seconds);
}

void kz_metrics_write(const struct kz_node_figures *figures, FILE *out)
{
    head(out, "kezek_node_info", "gauge", "The node's number and version.");
    fprintf(out, "kezek_node_info{id=\"%" PRIu64 "\",version=\"" KZ_VERSION "\"} 1\n", figures->id);
    write_raft(&figures->core, out);
    write_requests(&figures->core, out);
    write_machine(&figures->core.machine, out);
    write_links(&figures->sockets, out);
    write_disk(figures, out);
    write_damage_figures(&figures->core, out);
    write_image(figures, out);
    write_process(figures, out);
}
