"""The page to draw on: what `autograd-cnn play` serves.

What it shows comes from plain functions of a model and the pixels of an image: `answers` (probabilities and feature
maps), `imagining` (saliency, nudge, dream), `learning` (lessons) and `computation` (the graph). `server` answers the
page's requests with them, behind `guard`; `wire` decodes pictures and encodes arrays. The page itself is in `page/`,
plain HTML, CSS and JavaScript modules.
"""
