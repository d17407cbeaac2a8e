/* Lag in words, shared by the views that show it. */
#ifndef WEIR_VIEWS_GROUPS_H
#define WEIR_VIEWS_GROUPS_H

#include "tui/views/view.h"

struct lag_sum group_lag_sum(const struct model_group *g, struct slice topic);   /* of one topic */
void lag_sum_cell(const struct lag_sum *sum, const struct look_env *env, int w, struct out_cell *out);
void lag_cell(const struct model_lag *row, const struct look_env *env, struct out_cell *out);
void group_lag_cell(const struct model_group *g, const struct look_env *env, struct out_cell *out);
void group_state_cell(const struct model_group *g, bool in_column, struct out_cell *out);

#endif
