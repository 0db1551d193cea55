/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/config.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

struct config {
    FILE *file;
    struct kz_options *options;
    struct kz_roster cluster; /* of the section */
    unsigned cluster_line;    /* of its first node */
    unsigned line;            /* the last that was read */
    bool too_long;            /* that one */
    bool has_error;           /* ERROR is the first */
    unsigned at;              /* its line */
    enum kz_status status;
    struct kz_error error;
};

/* A line for inih, of at most SIZE − 2 bytes: it would cut a longer one in two. */
static char *next_line(char *out, int size, void *stream)
{
    struct config *config = stream;

    if (config->has_error || config->too_long) return NULL;
    if (fgets(out, size, config->file) == NULL) return NULL;
    config->line++;
    size_t length = strlen(out);
    config->too_long = length + 1 == (size_t)size && out[length - 1] != '\n';
    return config->too_long ? NULL : out;
}

static enum kz_status add_member(struct config *config, const char *name, const char *value)
{
    uint64_t id;

    if (!kz_number_parse(name, strlen(name), 1, INT64_MAX, &id)) {
        return kz_error_set(&config->error, KZ_USAGE,
                            "%.60s: is no node's number; allowed in [cluster]: NUMBER = HOST:PORT",
                            name);
    }
    if (config->cluster.count == 0) config->cluster_line = config->line;
    struct kz_error inner;
    enum kz_status status = kz_roster_add(&config->cluster, id, value, strlen(value), &inner);
    if (status != KZ_OK) kz_error_set(&config->error, status, "%.60s: %.400s", name, inner.text);
    return status;
}

static int take_key(void *context, const char *section, const char *name, const char *value)
{
    struct config *config = context;
    enum kz_status status;

    if (config->has_error) return 0;
    if (section[0] == '\0') {
        status = kz_options_set(config->options, config->line, name, value, &config->error);
    } else if (strcmp(section, "cluster") == 0) {
        status = add_member(config, name, value);
    } else {
        status = kz_error_set(&config->error, KZ_USAGE,
                              "[%.60s]: is no section; allowed: [cluster]", section);
    }
    if (status == KZ_OK) return 1;
    config->has_error = true;
    config->at = config->line;
    config->status = status;
    return 0;
}

enum kz_status kz_config_parse(FILE *file, const char *path, struct kz_options *options,
                               struct kz_error *error)
{
    struct config config = {.options = options, .file = file};
    int line = ini_parse_stream(next_line, &config, take_key, &config);

    if (config.too_long) {
        return kz_error_set(error, KZ_USAGE,
                            "%s:%u: the line is too long; allowed: 198 bytes (the nodes may stand "
                            "one a line in [cluster])",
                            path, config.line);
    }
    if (line != 0 && (!config.has_error || (unsigned)line < config.at)) {
        return kz_error_set(error, KZ_USAGE,
                            "%s:%d: is neither key = value, [section] nor a comment", path, line);
    }
    if (config.has_error) {
        return kz_error_set(error, config.status, "%s:%u: %.400s", path, config.at,
                            config.error.text);
    }
    if (ferror(file) != 0) {
        return kz_error_set(error, KZ_USAGE, "config: can not read %s: %s", path, strerror(errno));
    }
    if (config.cluster.count == 0) return KZ_OK;
    return kz_options_set_cluster(options, path, config.cluster_line, &config.cluster, error);
}

enum kz_status kz_config_read(const char *path, struct kz_options *options, struct kz_error *error)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return kz_error_set(error, KZ_USAGE, "config: can not open %s: %s", path, strerror(errno));
    }
    enum kz_status status = kz_config_parse(file, path, options, error);
    fclose(file);
    return status;
}
