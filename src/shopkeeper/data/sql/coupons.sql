-- Coupons: which coupon is good for which item, in which campaign.
-- Reads staged_coupons. A file that knows only campaigns (when they run) completes the coupons of those campaigns.
WITH campaigns AS (
    SELECT campaign_id, MIN(starts) AS starts, MAX(ends) AS ends, MIN(attributes) AS attributes
    FROM staged_coupons
    WHERE coupon_id IS NULL AND campaign_id IS NOT NULL
    GROUP BY campaign_id
)

SELECT DISTINCT
    coupons.coupon_id,
    coupons.item_id,
    coupons.campaign_id,
    coupons.discount,
    COALESCE(coupons.starts, campaigns.starts) AS starts,
    COALESCE(coupons.ends, campaigns.ends) AS ends,
    COALESCE(coupons.attributes, campaigns.attributes) AS attributes
FROM staged_coupons AS coupons
LEFT JOIN campaigns ON coupons.campaign_id = campaigns.campaign_id
WHERE coupons.coupon_id IS NOT NULL
ORDER BY coupons.coupon_id, coupons.item_id, coupons.campaign_id
