/** The rooms of this site, as `manage.py realtime_types` wrote them. */
import type { DeepPartial } from "django-realtime-client";

export interface ArticleRoom {
  kind: "article";
  key: number;
  state: {
    title: string;
    body: string;
  };
  patch: {
    title?: string;
    body?: string;
  };
  events: {
    article_updated: { article_id: number; changes: DeepPartial<ArticleRoom["state"]>; updated_by: string };
  };
}

export interface PlanRoom {
  kind: "plan";
  key: string;
  state: {
    title: string;
    text: string;
    style: any;
    labels: number[];
    cards: Record<string, {
      text: string;
      position: number;
      done: boolean;
      price?: string;
      weight?: number;
      number?: number | string;
      due?: string;
      starts_at?: string;
      at?: string;
      takes?: string;
      token?: string;
      data?: any;
      mail: string;
      address?: string;
      color: "red" | "blue" | "";
      follows?: number;
      labels: number[];
      picture: string;
      loud: string;
      score: number;
      notes: Record<string, {
        text: string;
      }>;
    }>;
  };
  patch: {
    title?: string;
    text?: string;
    style?: any;
    labels?: number[];
    cards?: Record<string, {
      text?: string;
      position?: number;
      done?: boolean;
      price?: string | null;
      weight?: number | null;
      number?: number | string | null;
      due?: string | null;
      starts_at?: string | null;
      at?: string | null;
      takes?: string | null;
      token?: string | null;
      data?: any;
      mail?: string;
      address?: string | null;
      color?: "red" | "blue" | "";
      follows?: number | null;
      labels?: number[];
      notes?: Record<string, {
        text?: string;
      } | null>;
    } | null>;
  };
  events: {
    plan_updated: { plan_id: string; changes: DeepPartial<PlanRoom["state"]>; updated_by: string };
  };
}
