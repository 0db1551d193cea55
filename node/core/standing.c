/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/standing.h"

bool kz_standing_has_fallen(const struct kz_standing *now, const struct kz_standing *earlier)
{
    if (now->term != earlier->term) return now->term < earlier->term;
    if (earlier->voted_for != 0 && now->voted_for != earlier->voted_for) return true;
    return now->index < earlier->index;
}
