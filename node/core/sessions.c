/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: its greeting, whom its messages are for, its end. */
#include "node/core/calls.h"

#include <string.h>

void kz_sessions_dismiss(struct kz_core *core, struct kz_link_state *link, const char *sentence)
{
    struct kz_writer writer = kz_links_writer(link, KZ_PEER_SMALL_SIZE_MAX);
    kz_goodbye_encode(&writer, sentence);
    kz_links_written(&core->links, link, &writer);
    kz_links_close(&core->links, link);
}

static void welcome(struct kz_core *core, struct kz_link_state *link, uint64_t tag)
{
    struct kz_welcome message = {
        .node = core->options.id,
        .leader = core->leader,
        .leader_client = kz_members_client(core, core->leader),
    };
    memcpy(message.cluster, core->options.cluster, KZ_ID_SIZE);
    struct kz_writer writer = kz_links_writer(link, KZ_PEER_SMALL_SIZE_MAX);
    kz_welcome_encode(&writer, tag, &message);
    kz_links_written(&core->links, link, &writer);
}

static void on_hello(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    struct kz_hello hello;
    if (kz_hello_decode(frame, &hello) != KZ_OK) {
        kz_sessions_dismiss(core, link, "the first message of a connection is HELLO");
        return;
    }
    if (kz_has_request(hello.cluster) &&
        memcmp(hello.cluster, core->options.cluster, KZ_ID_SIZE) != 0) {
        kz_sessions_dismiss(core, link,
                            "this node belongs to another cluster than the one asked for");
        return;
    }
    link->greeted = true;
    welcome(core, link, frame->tag);
}

void kz_sessions_on_frame(struct kz_core *core, struct kz_link_state *link,
                          const struct kz_frame *frame)
{
    if (!link->greeted) {
        on_hello(core, link, frame);
        return;
    }
    switch (frame->type) {
    case KZ_MESSAGE_SUBMIT: kz_proposals_gather(core, link, frame); break;
    case KZ_MESSAGE_QUERY: kz_queries_take(core, link, frame); break;
    case KZ_MESSAGE_WATCH: kz_watchers_take(core, link, frame); break;
    case KZ_MESSAGE_CHANGE: kz_changes_take(core, link, frame); break;
    default: kz_sessions_dismiss(core, link, "a message of this type is not for a node"); break;
    }
}

void kz_sessions_tell_leader(struct kz_core *core)
{
    for (uint32_t i = 0; i < core->links.count; i++) {
        struct kz_link_state *link = core->links.all[i];
        if (link->kind == KZ_LINK_CLIENT && link->greeted) welcome(core, link, 0);
    }
}
