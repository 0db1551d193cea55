/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules this build knows, alone in a file: a test puts another program's answer in its
 * place. */
#include "statemachine/rules/machine.h"

uint32_t kz_rules_known(void)
{
    return 1;
}
