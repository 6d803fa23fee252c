// The types of the bundle are those of the packages it is made of.
export { h, render, Fragment, createContext, createRef } from "preact";
export type { ComponentChildren, InputHTMLAttributes, ComponentType, JSX, RefObject, VNode } from "preact";
export * from "preact/hooks";
