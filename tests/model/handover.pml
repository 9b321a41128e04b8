/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handover of version 4 (docs/spec/migration-stream.md, "Return path and handover"), with a channel that may
 * break at any message, one process that may die at any step, a device or disk that fails at the
 * destination, and an operator. test-handover.py runs it, and with each of the faults below
 * (-D) it must find an error, so that the claims are known to bite.
 *
 *   never two   at most one copy of the guest runs, at every step
 *   never none  a source that lives holds the guest, unless the destination ran it; a destination that was ready and
 *               outlives its source holds it
 *   the end     when nothing moves any more, the guest runs somewhere, or `cont` would run it, or it died with the only
 *               process that ever had it
 *
 * States are those that query-migrate shows (include/migration/migration.h); with m_ before the name; the test
 * compares them. The operator
 * does what docs/migration.md allows: `cont` in handover-lost only where the other side is known not to run.
 */

mtype:status = { m_active, m_device, m_handover, m_handover_lost, m_completed, m_failed, m_cancelled };
mtype:message = { STATE, READY, GO, SHUT0, SHUT1 };

chan forward = [2] of { mtype:message };
chan back = [2] of { mtype:message };

mtype:status src = m_active;
mtype:status dst = m_active;
bool src_alive = true, dst_alive = true;
bool src_runs = true, dst_runs = false;
bool src_whole = true, dst_whole = false; /* all of the guest is in that process, and may still be run there */
bool was_ready = false, dst_ran = false;
bool cut = false; /* nothing is sent any more; what was under way may be lost */

#define CHECK assert(!(src_runs && dst_runs)); assert(!src_alive || src_whole || dst_ran); \
              assert(src_alive || !dst_alive || !was_ready || dst_whole)

inline resume(how)
{
    src_runs = true;
    src = how;
    CHECK;
}

/* Up to READY: the source may always resume. */
inline precopy()
{
    if
    :: src_runs = false; src = m_device; /* the guest stops for its last state */
    :: atomic { cut = true; src = m_cancelled; } goto source_out;
    fi;
    if
    :: atomic { !cut -> forward!STATE; }
    :: atomic { cut -> resume(m_failed); } goto source_out;
    fi;
    if
    :: atomic { back?READY; }
    :: atomic { back?SHUT1 -> resume(m_failed); } goto source_out;
    :: atomic { cut && empty(back) -> resume(m_failed); } goto source_out;
    :: atomic { cut = true; resume(m_cancelled); } goto source_out; /* migrate_cancel, or a deadline */
    fi;
}

proctype Source()
{
    {
        precopy();
        src = m_handover; /* the disks are given up */
        if
        :: atomic { !cut -> forward!GO; }
        :: cut;
        fi;
        if
        :: atomic { back?SHUT0 -> src = m_completed; src_whole = false; CHECK; }
        :: atomic { back?SHUT1 -> resume(m_failed); }
#ifdef FAULT_RESUMES_AFTER_GO
        :: atomic { cut && empty(back) -> resume(m_failed); }
#else
        :: atomic { cut && empty(back) -> src = m_handover_lost; CHECK; }
#endif
        fi;
source_out:
        skip;
    } unless { !src_alive };
}

/* ERROR and SHUT 1, if they can still be sent. */
inline give_up()
{
    atomic {
        dst = m_failed;
#ifdef FAULT_DROPS_COPY
        dst_whole = false;
#endif
        if
        :: !cut -> back!SHUT1;
        :: cut;
        fi;
        CHECK;
    }
}

proctype Destination()
{
    {
        if
        :: atomic { forward?STATE; }
        :: atomic { cut && empty(forward) -> dst = m_failed; } goto destination_out;
        fi;
        if
        :: give_up(); goto destination_out; /* does not load */
        :: atomic { dst_whole = true; was_ready = true; }
        fi;
        if
        :: atomic { !cut -> back!READY; }
        :: atomic { cut -> dst = m_handover_lost; CHECK; } goto destination_out;
        fi;
#ifndef FAULT_NO_GO
        if
        :: atomic { forward?GO; }
#ifdef FAULT_DROPS_COPY
        :: atomic { cut && empty(forward) -> dst = m_failed; dst_whole = false; CHECK; } goto destination_out;
#else
        :: atomic { cut && empty(forward) -> dst = m_handover_lost; CHECK; } goto destination_out;
#endif
        fi;
#endif
        if
        :: give_up(); goto destination_out; /* a disk or a m_device that will not run */
        :: atomic { dst_runs = true; dst_ran = true; CHECK; }
        fi;
        if
        :: atomic { !cut -> back!SHUT0; dst = m_completed; }
        :: atomic { cut -> dst = m_completed; }
        fi;
destination_out:
        skip;
    } unless { !dst_alive };
}

/* A cut loses any number of the messages that are under way. */
proctype Network()
{
    if
    :: cut = true;
       do
       :: atomic { nempty(forward) -> forward?_; }
       :: atomic { nempty(back) -> back?_; }
       :: break;
       od;
    :: skip;
    fi;
}

/* kill -9, or the power of a host: what it had under way may arrive or not, the other side sees a cut. */
proctype Reaper()
{
    if
    :: atomic { src_alive = false; src_runs = false; cut = true; CHECK; }
    :: atomic { dst_alive = false; dst_runs = false; cut = true; CHECK; }
    :: skip;
    fi;
}

#define SRC_MAY_CONT (src_alive && src == m_handover_lost && src_whole && \
                      (!dst_alive || dst == m_failed || dst == m_handover_lost))
#define DST_MAY_CONT (dst_alive && dst_whole && (dst == m_handover_lost || dst == m_failed) && !src_alive)

proctype Operator()
{
    do
    :: atomic { SRC_MAY_CONT -> src = m_completed; src_runs = true; CHECK; }
    :: atomic { DST_MAY_CONT -> dst = m_completed; dst_runs = true; dst_ran = true; CHECK; }
#ifdef FAULT_RASH_OPERATOR
    :: atomic { src_alive && src == m_handover_lost -> src = m_completed; src_runs = true; CHECK; }
#endif
    :: timeout -> break;
    od;
    assert(src_runs || dst_runs ||
           (!src_alive && !was_ready) ||   /* it died with its source before there was a second copy */
           (!dst_alive && dst_ran) ||      /* it died where it ran */
           (src == m_cancelled) || !src_alive);
    assert(!dst_alive || src_alive || !was_ready || dst_runs);
}

init
{
    atomic {
        run Source();
        run Destination();
        run Network();
        run Reaper();
        run Operator();
    }
}
