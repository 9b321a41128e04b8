/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of callbacks, called in the order of adding. */
#include "base/core/notify.h"

void notifier_add(NotifierList *list, Notifier *n)
{
    Notifier **at = &list->first;
    while (*at) {
        at = &(*at)->next;
    }
    n->next = NULL;
    n->prev = at;
    *at = n;
}

void notifier_remove(Notifier *n)
{
    if (n->prev) {
        *n->prev = n->next;
        if (n->next) {
            n->next->prev = n->prev;
        }
        n->prev = NULL;
        n->next = NULL;
    }
}

void notifier_call(NotifierList *list, void *data)
{
    for (Notifier *n = list->first, *next; n; n = next) {
        next = n->next;
        n->fn(n, data);
    }
}
