/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/links.h"

#include "node/core/memory.h"

#define SLOTS_MIN       64
#define BUFFER_SIZE_MIN 1024

/* ---- The index by number: linear probing, deletion by shifting back ---- */

static uint32_t home_of(const struct kz_links *links, kz_link number)
{
    uint64_t spread = number * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(spread >> 32) & (links->slot_count - 1);
}

static uint32_t slot_of(const struct kz_links *links, kz_link number)
{
    uint32_t slot = home_of(links, number);
    while (links->slots[slot] != NULL && links->slots[slot]->number != number)
        slot = (slot + 1) & (links->slot_count - 1);
    return slot;
}

static void index_all(struct kz_links *links, uint32_t slot_count)
{
    links->slots = kz_memory_resize(links->slots, slot_count * sizeof(struct kz_link_state *));
    links->slot_count = slot_count;
    for (uint32_t i = 0; i < slot_count; i++)
        links->slots[i] = NULL;
    for (uint32_t i = 0; i < links->count; i++)
        links->slots[slot_of(links, links->all[i]->number)] = links->all[i];
}

static void unindex(struct kz_links *links, kz_link number)
{
    uint32_t mask = links->slot_count - 1;
    uint32_t hole = slot_of(links, number);
    for (uint32_t next = (hole + 1) & mask; links->slots[next] != NULL; next = (next + 1) & mask) {
        uint32_t home = home_of(links, links->slots[next]->number);
        if (((next - home) & mask) < ((next - hole) & mask)) continue;
        links->slots[hole] = links->slots[next];
        hole = next;
    }
    links->slots[hole] = NULL;
}

/* ---- Links ---- */

void kz_links_init(struct kz_links *links)
{
    *links = (struct kz_links){0};
    index_all(links, SLOTS_MIN);
}

static void destroy(struct kz_link_state *link)
{
    free(link->bytes);
    free(link);
}

void kz_links_finish(struct kz_links *links)
{
    for (uint32_t i = 0; i < links->count; i++)
        destroy(links->all[i]);
    free(links->all);
    free(links->slots);
    free(links->dirty);
    free(links->watching);
    free(links->outgoing);
    free(links->closes);
}

struct kz_link_state *kz_links_add(struct kz_links *links, kz_link number, enum kz_link_kind kind)
{
    KZ_ASSERT(kz_links_find(links, number) == NULL);
    if (links->count == links->capacity) {
        links->capacity = kz_memory_grown(links->capacity, 1);
        links->all = kz_memory_resize(links->all, links->capacity * sizeof(struct kz_link_state *));
    }
    struct kz_link_state *link = kz_memory_resize(NULL, sizeof(*link));
    *link = (struct kz_link_state){.number = number, .kind = kind, .place = links->count};
    links->all[links->count++] = link;
    if (links->count * 2 > links->slot_count)
        index_all(links, links->slot_count * 2);
    else
        links->slots[slot_of(links, number)] = link;
    links->clients += kind == KZ_LINK_CLIENT;
    return link;
}

struct kz_link_state *kz_links_find(const struct kz_links *links, kz_link number)
{
    return links->slots[slot_of(links, number)];
}

void kz_links_remove(struct kz_links *links, struct kz_link_state *link)
{
    unindex(links, link->number);
    struct kz_link_state *last = links->all[--links->count];
    links->all[link->place] = last;
    last->place = link->place;
    if (link->dirty > 0) links->dirty[link->dirty - 1] = NULL;
    links->clients -= link->kind == KZ_LINK_CLIENT;
    if (link->watch.next > 0) {
        struct kz_link_state *last_watching = links->watching[--links->watchers];
        links->watching[link->watch.place] = last_watching;
        last_watching->watch.place = link->watch.place;
    }
    destroy(link);
}

void kz_links_watch(struct kz_links *links, struct kz_link_state *link, uint64_t next, uint64_t tag)
{
    uint32_t place = link->watch.place;
    if (link->watch.next == 0) {
        if (links->watchers == links->watching_capacity) {
            links->watching_capacity = kz_memory_grown(links->watching_capacity, 1);
            links->watching = kz_memory_resize(links->watching, links->watching_capacity *
                                                                    sizeof(struct kz_link_state *));
        }
        place = links->watchers++;
        links->watching[place] = link;
    }
    link->watch = (struct kz_watch){.next = next, .tag = tag, .place = place};
}

/* ---- What a step sends ---- */

struct kz_writer kz_links_writer(struct kz_link_state *link, size_t size_max)
{
    if (link->capacity - link->size < size_max) {
        size_t capacity = link->capacity * 2 + BUFFER_SIZE_MIN;
        if (capacity < link->size + size_max) capacity = link->size + size_max;
        link->bytes = kz_memory_resize(link->bytes, capacity);
        link->capacity = capacity;
    }
    return kz_writer_init(link->bytes + link->size, size_max);
}

void kz_links_written(struct kz_links *links, struct kz_link_state *link,
                      const struct kz_writer *writer)
{
    KZ_ASSERT(!writer->failed && writer->first == link->bytes + link->size);
    link->size += kz_writer_size(writer);
    if (link->kind == KZ_LINK_CLIENT) links->client_bytes += kz_writer_size(writer);
    if (link->dirty > 0) return;

    if (links->dirty_count == links->dirty_capacity) {
        links->dirty_capacity = kz_memory_grown(links->dirty_capacity, 1);
        links->dirty =
            kz_memory_resize(links->dirty, links->dirty_capacity * sizeof(struct kz_link_state *));
    }
    links->dirty[links->dirty_count++] = link;
    link->dirty = links->dirty_count;
}

void kz_links_send(struct kz_links *links, struct kz_link_state *link, const uint8_t *frames,
                   size_t size)
{
    struct kz_writer writer = kz_links_writer(link, size);
    kz_write_bytes(&writer, frames, size);
    kz_links_written(links, link, &writer);
}

static void hand_out(struct kz_links *links, struct kz_link_state *link)
{
    if (links->outgoing_count == links->outgoing_capacity) {
        links->outgoing_capacity = kz_memory_grown(links->outgoing_capacity, 1);
        links->outgoing = kz_memory_resize(links->outgoing,
                                           links->outgoing_capacity * sizeof(links->outgoing[0]));
    }
    links->outgoing[links->outgoing_count++] =
        (struct kz_outgoing){link->number, link->bytes, link->size, link->tell_drained};
    link->bytes = NULL;
    link->size = 0;
    link->capacity = 0;
    link->tell_drained = false;
}

void kz_links_close(struct kz_links *links, struct kz_link_state *link)
{
    if (links->close_count == links->close_capacity) {
        links->close_capacity = kz_memory_grown(links->close_capacity, 1);
        links->closes =
            kz_memory_resize(links->closes, links->close_capacity * sizeof(links->closes[0]));
    }
    links->closes[links->close_count++] = (struct kz_close_order){link->number};
    if (link->dirty > 0) hand_out(links, link);
    kz_links_remove(links, link);
}

void kz_links_begin_step(struct kz_links *links)
{
    links->outgoing_count = 0;
    links->close_count = 0;
    links->client_bytes = 0;
}

void kz_links_end_step(struct kz_links *links)
{
    for (uint32_t i = 0; i < links->dirty_count; i++) {
        struct kz_link_state *link = links->dirty[i];
        if (link == NULL) continue;
        link->dirty = 0;
        hand_out(links, link);
    }
    links->dirty_count = 0;
}
