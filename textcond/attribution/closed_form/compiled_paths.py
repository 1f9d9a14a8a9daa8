"""The loops along the path from the baseline to a text, compiled.

`path_integrals.py` says what they compute. They take one text after another, in float64, with the
same bits whatever stands beside it. They stand in one file, since what Numba keeps of a function is
made anew when that function's own file changes, and not when another one does.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from textcond.attribution.closed_form.compiled_pooling import compiled

LOGITS, SIGMOIDS, SOFTMAX = 0, 1, 2
"""How a score reads the outputs."""

_ROUNDING = 4 * 2.2e-16
"""Times the number of filters and the size of its terms: a bound of a hidden unit's error."""
_SHIFT = 1e-10
"""The part of the path by which rounding may move a unit's zero; above it the unit is exact."""
_TINY = 2.3e-308
_PARTIALS = 80
"""More than doubles of one sum that do not overlap can be."""
_NEGLIGIBLE = 40.0
"""Logits below the peak of an integral over a softmax: what is left there is rounding."""
_DEEPEST = 50
"""Halvings of a piece on which three outputs of a softmax or more take turns."""
_MOVES = np.array([0.09, 1.0, 4.0])
"""Logits by which the outputs may move apart on a panel with 4, with 8 and with 16 nodes. The
nearest pole is π away, so n nodes miss about (4π / moves)^(-2n): less than rounding."""
_RULES = [np.polynomial.legendre.leggauss(count) for count in (4, 8, 16)]
_NODES = np.array([np.pad((nodes + 1) / 2, (0, 16 - len(nodes))) for nodes, _ in _RULES])
_SHARES = np.array([np.pad(shares / 2, (0, 16 - len(shares))) for _, shares in _RULES])
_COUNTS = np.array([4, 8, 16])


@compiled
@no_type_check
def walk(strengths, layers, reading, weights, kinks, order, flow, influence):
    """∫ ∂score/∂h_f along each text's path, where the filter is on (`flow`) and all along.

    `layers` are those of `compiled_pooling.outputs`; `reading` tells how the score, a sum with
    `weights` (outputs), reads the outputs. `kinks` is what `compiled_pooling.find_kinks` gives, and
    `order` sorts it. Writes `flow` and `influence` (texts, filters).
    """
    bias, weight, hidden_bias, output_weight, output_bias = layers
    filters, hidden = weight.shape
    start, rates, sums = np.empty(hidden), np.zeros(hidden), np.empty(hidden)
    fixed, moved = np.empty(hidden), np.zeros(hidden)
    by_unit, active = np.empty((hidden, filters)), np.empty(filters)
    parts, scratch = np.empty((filters + 1, hidden)), np.empty((7, hidden))
    for unit in range(hidden):
        start[unit] = hidden_bias[unit]
        fixed[unit] = abs(hidden_bias[unit])
        for filter in range(filters):
            by_unit[unit, filter] = weight[filter, unit]
            start[unit] += max(bias[filter], 0.0) * weight[filter, unit]
            fixed[unit] += abs(bias[filter] * weight[filter, unit])
            moved[unit] += abs(weight[filter, unit])
        for output in range(len(output_bias)):
            rates[unit] += weights[output] * output_weight[output, unit]
    for text in range(len(strengths)):
        strength, greatest = strengths[text], 0.0
        for filter in range(filters):
            greatest = max(greatest, abs(strength[filter]))
        bound = scratch[6]
        for unit in range(hidden):
            bound[unit] = _ROUNDING * (filters + 2) * (fixed[unit] + greatest * moved[unit])
        last = _follow(
            *(strength, layers, reading, weights, kinks[text], order[text]),
            *(start, rates, active, scratch, parts),
        )
        _add_up(
            *(parts, last, bias, weight, by_unit, kinks[text], order[text], sums),
            *(flow[text], influence[text]),
        )


@compiled
@no_type_check
def _follow(strength, layers, reading, weights, kinks, order, start, rates, active, scratch, parts):
    """The integrals of ∂score/∂u over each piece of one path: `parts` (pieces, hidden).

    Between two kinks, on a piece, every unit is u(α) = at_zero + α slope, and above zero on a share
    of the piece. Gives the number of the last piece.
    """
    bias, weight, hidden_bias, _, _ = layers
    at_zero, slope, low = scratch[0], scratch[1], scratch[2]
    first, opens, closes, bound = scratch[3], scratch[4], scratch[5], scratch[6]
    at_zero[:] = start
    low[:] = start
    slope[:] = 0
    for filter in range(len(bias)):
        active[filter] = 0.0
        if bias[filter] > 0:
            active[filter] = 1.0
            for unit in range(len(slope)):
                slope[unit] += strength[filter] * weight[filter, unit]
    edge = 0.0
    for place in range(len(bias) + 1):
        filter = order[place] if place < len(bias) else -1
        switches = filter >= 0 and kinks[filter] <= 1
        end = kinks[filter] if switches else 1.0
        length = end - edge
        reach, doubts = max(2.0, length / _SHIFT), 0
        for unit in range(len(slope)):
            high = at_zero[unit] + end * slope[unit]
            amount = abs(low[unit]) + abs(high)
            above = (max(low[unit], 0.0) + max(high, 0.0)) / (amount + _TINY)
            parts[place, unit] = above * length * rates[unit]
            low[unit] = high
            doubts += amount <= reach * bound[unit]
        if length > 0 and (doubts > 0 or reading != LOGITS):
            for unit in range(len(slope)):
                first[unit], high = at_zero[unit] + edge * slope[unit], low[unit]
                opens[unit], closes[unit] = _above_zero(first[unit], high)
                if abs(first[unit]) + abs(high) <= reach * bound[unit]:
                    zero = _exact(hidden_bias[unit], bias, weight[:, unit], active)
                    steep = _exact(0.0, strength, weight[:, unit], active)
                    opens[unit], closes[unit] = _above_zero(zero + edge * steep, zero + end * steep)
                parts[place, unit] = (closes[unit] - opens[unit]) * length * rates[unit]
            if reading != LOGITS:
                _read(reading, weights, layers, first, low, opens, closes, length, parts[place])
        if not switches:
            return place
        edge, change = end, 1 - 2 * active[filter]
        active[filter] += change
        base, rise = change * bias[filter], change * strength[filter]
        for unit in range(len(slope)):
            at_zero[unit] += base * weight[filter, unit]
            slope[unit] += rise * weight[filter, unit]
    return len(bias)


@compiled
@no_type_check
def _add_up(parts, last, bias, weight, by_unit, kinks, order, sums, flow, influence):
    """`flow` and `influence` (filters) of one path from its `parts`.

    They are added from the path's start for a filter that switches off, and from its end for one
    that switches on: the difference of two sums would lose digits.
    """
    sums[:] = 0
    for place in range(last):
        filter = order[place]
        for unit in range(len(sums)):
            sums[unit] += parts[place, unit]
        if bias[filter] > 0:
            before = 0.0
            for unit in range(len(sums)):
                before += sums[unit] * weight[filter, unit]
            flow[filter] = before
    for unit in range(len(sums)):
        sums[unit] += parts[last, unit]
    influence[:] = 0
    for unit in range(len(sums)):
        for filter in range(len(bias)):
            influence[filter] += sums[unit] * by_unit[unit, filter]
    for filter in range(len(bias)):
        if kinks[filter] > 1:
            flow[filter] = influence[filter] if bias[filter] > 0 else 0.0
    sums[:] = 0
    for place in range(last, 0, -1):
        filter = order[place - 1]
        for unit in range(len(sums)):
            sums[unit] += parts[place, unit]
        if bias[filter] <= 0:
            after = 0.0
            for unit in range(len(sums)):
                after += sums[unit] * weight[filter, unit]
            flow[filter] = after


@compiled
@no_type_check
def _above_zero(first, final):
    """Where a line from `first` at 0 to `final` at 1 is above zero: from, to."""
    if first <= 0 and final <= 0:
        return 0.0, 0.0
    if first >= 0 and final >= 0:
        return 0.0, 1.0
    crossing = first / (first - final)
    return (0.0, crossing) if first > 0 else (crossing, 1.0)


@compiled(fused=False)
@no_type_check
def _exact(start, factors, weights, active):
    """`start` + Σ factors · weights over what is `active`, rounded at the very end.

    Sums of doubles that do not overlap (Shewchuk 1997), and Dekker's product in two parts.
    """
    partials = np.empty(_PARTIALS)
    partials[0] = start
    count = 1
    for place in range(len(factors)):
        if active[place] > 0 and factors[place] != 0 and weights[place] != 0:
            one, other = factors[place], weights[place]
            product = one * other
            cut = 134217729.0 * one  # 2^27 + 1
            one_high = cut - (cut - one)
            cut = 134217729.0 * other
            other_high = cut - (cut - other)
            one_low, other_low = one - one_high, other - other_high
            rest = one_high * other_high - product
            rest += one_high * other_low + one_low * other_high
            for term in (product, rest + one_low * other_low):
                kept = 0
                for index in range(count):
                    smaller = partials[index]
                    if abs(term) < abs(smaller):
                        term, smaller = smaller, term
                    total = term + smaller
                    rest = smaller - (total - term)
                    if rest != 0:
                        partials[kept] = rest
                        kept += 1
                    term = total
                partials[kept] = term
                count = kept + 1
    total = 0.0
    for index in range(count - 1, -1, -1):
        total += partials[index]
    return total


@compiled
@no_type_check
def _read(reading, weights, layers, low, high, opens, closes, length, part):
    """∫ ∂score/∂u over a piece, for a score of probabilities: `part` (hidden).

    The piece is cut where a unit crosses zero; between two cuts every logit is linear.
    """
    output_weight, output_bias = layers[3], layers[4]
    hidden, count = len(low), len(output_bias)
    start, end, gradient = np.empty(count), np.empty(count), np.empty(count)
    part[:] = 0
    edge, until = 0.0, 0.0
    while edge < 1:
        for output in range(count):
            end[output] = output_bias[output]
            for unit in range(hidden):
                value = max(low[unit] + until * (high[unit] - low[unit]), 0.0)
                end[output] += value * output_weight[output, unit]
        if until > edge:
            if reading == SIGMOIDS:
                for output in range(count):
                    gradient[output] = weights[output] * sigmoid_slope(start[output], end[output])
            else:
                softmax_slope(start, end, weights, gradient)
            middle = (edge + until) / 2
            for unit in range(hidden):
                if opens[unit] <= middle < closes[unit]:
                    for output in range(count):
                        rate = gradient[output] * output_weight[output, unit]
                        part[unit] += (until - edge) * length * rate
        edge, until = until, 1.0
        for output in range(count):
            start[output] = end[output]
        for unit in range(hidden):  # the next cut
            for cut in (opens[unit], closes[unit]):
                if edge < cut < until:
                    until = cut


@compiled
@no_type_check
def sigmoid_slope(start, end):
    """(σ(end) - σ(start)) / (end - start), without cancellation, and σ' where they meet."""
    low, high = min(start, end), max(start, end)
    gap = high - low
    # σ(high) - σ(low) = σ(high) σ(-low) (1 - exp(low - high))
    decline = -math.expm1(-gap) / gap if gap > 0 else 1.0
    return _sigmoid(high) * _sigmoid(-low) * decline


@compiled
@no_type_check
def _sigmoid(value):
    small = math.exp(-abs(value))
    return 1 / (1 + small) if value >= 0 else small / (1 + small)


@compiled
@no_type_check
def softmax_slope(start, end, weights, gradient):
    """The mean of p_i Σ_j p_j (w_i - w_j) on the line between two vectors of logits: `gradient`.

    Of two outputs it is the slope of a sigmoid. Of more it is taken by Gauss-Legendre, on panels
    that are halved until the outputs that matter move apart by few logits or are only two.
    """
    count = len(start)
    gradient[:] = 0
    values, kinds, found = np.empty(count), np.empty(count, np.int64), 0  # the distinct weights
    for output in range(count):
        kinds[output] = found
        for kind in range(found):
            if values[kind] == weights[output]:
                kinds[output] = kind
        if kinds[output] == found:
            values[found] = weights[output]
            found += 1
    if found == 1:
        return
    if count == 2:
        _add_pair(start, end, 0, 1, 1.0, weights, gradient)
        return
    lowest, highest = np.inf, -np.inf
    for output in range(count):
        lowest, highest = (
            min(lowest, end[output] - start[output]),
            max(highest, end[output] - start[output]),
        )
    moves = highest - lowest
    if moves <= _MOVES[2]:
        _add_panel(start, end, moves, 1.0, values[:found], kinds, gradient)
        return
    cut = _NEGLIGIBLE + math.log1p(moves)
    furthest = _least_gap(start, end, kinds) + cut
    left, rights, ends = np.empty(count), np.empty((_DEEPEST + 1, count)), np.empty(_DEEPEST + 1)
    for output in range(count):
        left[output], rights[0, output] = start[output], end[output]
    ends[0] = 1.0
    here, top = 0.0, 0
    while top >= 0:
        right, length = rights[top], ends[top] - here
        one, other, gap = _greatest(left), _greatest(right), 0.0
        rival = other
        if kinds[one] == kinds[other]:
            gap = np.inf
            for output in range(count):
                behind = _behind(output, one, other, left, right)
                if kinds[output] != kinds[one] and behind < gap:
                    gap, rival = behind, output
        if gap <= furthest:  # else there is nothing left to integrate
            relevant, lowest, highest = 0, np.inf, -np.inf
            for output in range(count):
                if _behind(output, one, other, left, right) <= max(gap, 0.0) + cut:
                    relevant += 1
                    lowest = min(lowest, right[output] - left[output])
                    highest = max(highest, right[output] - left[output])
            moves = highest - lowest
            if relevant == 2 or (moves > _MOVES[2] and top == _DEEPEST):
                _add_pair(left, right, one, rival, length, weights, gradient)
            elif moves <= _MOVES[2]:
                _add_panel(left, right, moves, length, values[:found], kinds, gradient)
            else:
                top += 1
                for output in range(count):
                    rights[top, output] = (left[output] + right[output]) / 2
                ends[top] = (here + ends[top - 1]) / 2
                continue
        for output in range(count):
            left[output] = right[output]
        here = ends[top]
        top -= 1


@compiled
@no_type_check
def _behind(output, one, other, left, right):
    """How far the output is below the greatest one, wherever on the line it is nearest, or less.

    `one` is the greatest on the left and `other` on the right.
    """
    below_one = min(left[one] - left[output], right[one] - right[output])
    return max(below_one, min(left[other] - left[output], right[other] - right[output]))


@compiled
@no_type_check
def _least_gap(start, end, kinds):
    """The least distance on the line from the greatest output to one of another weight.

    It is where two outputs cross, or at an end; what may be rounding is taken off it.
    """
    count, least, rounding, at = len(start), np.inf, 0.0, np.empty(len(start))
    for one in range(count):
        rounding = max(rounding, 1e-15 * (abs(start[one]) + abs(end[one])))
        for other in range(count):
            if one == other:  # these pairs stand for the two ends
                place = min(one, 1.0)
            else:
                apart = start[other] - start[one]
                place = apart / (apart - (end[other] - end[one]))
            if 0 <= place <= 1:
                for output in range(count):
                    at[output] = start[output] + place * (end[output] - start[output])
                top = _greatest(at)
                for output in range(count):
                    if kinds[output] != kinds[top]:
                        least = min(least, at[top] - at[output])
    return max(least - rounding, 0.0)


@compiled
@no_type_check
def _greatest(logits):
    """Which one is the greatest, the first of equals."""
    found = 0
    for output in range(len(logits)):
        if logits[output] > logits[found]:
            found = output
    return found


@compiled
@no_type_check
def _add_pair(left, right, one, other, length, weights, gradient):
    """The two of them in closed form."""
    both = sigmoid_slope(left[one] - left[other], right[one] - right[other]) * length
    gradient[one] += both * (weights[one] - weights[other])
    gradient[other] += both * (weights[other] - weights[one])


@compiled
@no_type_check
def _add_panel(left, right, moves, length, values, kinds, gradient):
    """Gauss-Legendre with few nodes, of weights that take the `values` by their `kinds`."""
    rule = 0 if moves <= _MOVES[0] else 1 if moves <= _MOVES[1] else 2
    shares, masses = np.empty(len(left)), np.empty(len(values))
    for node in range(_COUNTS[rule]):
        place, greatest, total = _NODES[rule, node], -np.inf, 0.0
        for output in range(len(left)):
            shares[output] = left[output] + place * (right[output] - left[output])
            greatest = max(greatest, shares[output])
        masses[:] = 0
        for output in range(len(left)):
            shares[output] = math.exp(shares[output] - greatest)
            total += shares[output]
            masses[kinds[output]] += shares[output]
        scale = _SHARES[rule, node] * length / (total * total)
        for output in range(len(left)):
            against = 0.0
            for kind in range(len(values)):
                against += masses[kind] * (values[kinds[output]] - values[kind])
            gradient[output] += scale * shares[output] * against
