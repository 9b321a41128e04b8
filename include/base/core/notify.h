/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of callbacks with an order of adding. The owner says what @data is and which lock guards
 * the list; a callback may remove itself.
 */
#pragma once
#include <stddef.h>

typedef struct Notifier Notifier;
struct Notifier {
    void (*fn)(Notifier *self, void *data);
    Notifier *next, **prev; /* private */
};
typedef struct {
    Notifier *first;
} NotifierList;

void notifier_add(NotifierList *list, Notifier *n);
void notifier_remove(Notifier *n); /* harmless when not on a list */
void notifier_call(NotifierList *list, void *data);
