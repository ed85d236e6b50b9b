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
  commands: {};
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
  commands: {};
  events: {
    plan_updated: { plan_id: string; changes: DeepPartial<PlanRoom["state"]>; updated_by: string };
  };
}

export interface ShoppingListRoom {
  kind: "shopping_list";
  key: string;
  state: {
    items: Record<string, {
      done?: boolean;
      id: number;
    }>;
    more: Record<string, any>;
    tags: ("a" | "b")[];
  };
  commands: {
    clear: Record<string, never>;
    move_item: {
      item_id: number;
      position: number;
    };
  };
  events: {
    shopping_list_updated: { shopping_list_id: string; changes: DeepPartial<ShoppingListRoom["state"]>; updated_by: string };
    item_added: {
      item: {
        done?: boolean;
        id: number;
      };
      at: string | null;
    };
    "odd-name": {
      done?: boolean;
      id: number;
    };
  };
  results: {
    compare_prices: {
      total: number;
    };
    print_list: null;
  };
  role: "guest" | "owner";
  signal: {
    x: number;
    y: number;
  };
  presence: {
    color: string;
    cursor: {
      x: number;
      y: number;
    };
  };
}
