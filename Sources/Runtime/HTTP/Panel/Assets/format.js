// Numbers and times as people write them.

import { h } from './dom.js';
import { language } from './i18n.js';

/** @param {number} digits After the point, at most. */
export function number(value, digits = 0) {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export function share(value) {
    if (value === null || value === undefined) return '–';
    return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value);
}

/** Seconds, in the unit that suits them. */
export function duration(seconds) {
    if (seconds === null || seconds === undefined) return '–';
    if (seconds < 10) return `${number(seconds, 1)} s`;
    if (seconds < 120) return `${number(seconds)} s`;
    if (seconds < 7_200) return `${number(seconds / 60)} min`;
    if (seconds < 172_800) return `${number(seconds / 3_600)} h`;
    return `${number(seconds / 86_400)} d`;
}

const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const calendar = { day: '2-digit', month: '2-digit', year: 'numeric' };

const sameDay = (a, b) => a.toDateString() === b.toDateString();

/** A moment: the time alone when it is today. */
export function when(text) {
    if (!text) return '–';
    const date = new Date(text);
    const style = sameDay(date, new Date()) ? time : { ...calendar, ...time };
    return h('time', { datetime: text, title: text }, new Intl.DateTimeFormat(language, style).format(date));
}

export function day(text) {
    const [year, month, date] = text.slice(0, 10).split('-').map(Number);
    return new Intl.DateTimeFormat(language, calendar).format(new Date(year, month - 1, date));
}

export function clock(date) {
    return new Intl.DateTimeFormat(language, time).format(date);
}
