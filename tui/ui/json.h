/* JSON as it was sent, token by token: digits, order, duplicate keys and escapes
 * survive; only blanks between tokens change.  Never re-serialised. */
#ifndef WEIR_UI_JSON_H
#define WEIR_UI_JSON_H

#include "tui/ui/block.h"

#define JSON_DEPTH_MAX 512      /* nested deeper it is text */

/* True when the whole text is one JSON value (cut_short: as far as it goes). */
bool json_is(struct slice s, bool cut_short);
/* Appends the pretty form; containers deeper than `depth` levels stand folded on one line ({… 3}). */
void json_block(struct block *b, struct slice s, int depth);

#endif
